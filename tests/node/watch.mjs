// A client that never says hello: it knows x-client-id, ping, sync_request, event, sync_response
// and pong. Prints every message it receives as one line.
//
// node watch.mjs URL TOKEN CLIENT_ID SINCE

import WebSocket from "ws";

const [url, token, clientId, since] = process.argv.slice(2);
const socket = new WebSocket(url, {
  headers: { "x-client-id": clientId, authorization: `Bearer ${token}` },
});
const send = (message) => socket.send(JSON.stringify(message));
const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

socket.on("open", () => {
  send({ type: "ping" });
  send({ type: "sync_request", since });
});
socket.on("message", (data) => {
  const message = JSON.parse(data);
  print(message);
  if (message.type === "sync_response" && message.hasMore) {
    send({ type: "sync_request", cursor: message.cursor });
  }
});
socket.on("error", (error) => print({ type: "failed", message: String(error) }));
socket.on("close", (code) => print({ type: "closed", code }));
// Ends with the process that watches it, which closes this pipe.
process.stdin.on("end", () => socket.close(1000)).resume();
