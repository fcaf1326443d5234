// A broadcaster with `ws`: a Map of clients, a message made into text once, and sent to each.
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import { bursts } from "./event.mjs";

const clients = new Map();
let next = 0;

function send(task) {
  const text = JSON.stringify(task);
  for (const client of clients.values()) {
    if (client.readyState === WebSocket.OPEN) client.send(text);
  }
}

const server = createServer(bursts(send));
const sockets = new WebSocketServer({ server });
sockets.on("connection", (client) => {
  const id = next++;
  clients.set(id, client);
  client.on("error", console.error);
  client.on("close", () => clients.delete(id));
});
server.listen(Number(process.argv[2]), "127.0.0.1");
