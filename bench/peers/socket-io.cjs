// Socket.IO with its default engine (`ws`) and WebSocket alone; what a client emits is emitted to everybody ("Broadcasting events").
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  // The page "Performance tuning": the request of the handshake is not kept.
  delete socket.conn.request;
  socket.on("message", (message) => io.emit("message", message));
});
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  const { address, port } = http.address();
  console.log(`${address}:${port}`);
});
