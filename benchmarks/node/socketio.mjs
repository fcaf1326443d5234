// Socket.IO: `io.emit` to all clients.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { bursts } from "./event.mjs";

const server = createServer();
const io = new Server(server);
const burst = bursts((task) => io.emit("task", task));
server.on("request", (request, response) => {
  if (request.url.startsWith("/burst/")) burst(request, response);
});
server.listen(Number(process.argv[2]), "127.0.0.1");
