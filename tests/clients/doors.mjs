/** @file Servers that are not as they should be, and count who knocks; and a line to a real one that can be cut or go dead. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** RFC 6455, section 1.3. */
const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const [TEXT, CLOSE] = [1, 8];

/** @param {number} opcode @param {Buffer} body Unmasked, up to 64 KiB. */
function frame(opcode, body) {
  const head = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([128 | opcode, ...head]), body]);
}

function accept(socket, head) {
  const key = /^sec-websocket-key: *(.+?)\r$/im.exec(head)[1];
  const proof = createHash("sha1").update(key + MAGIC).digest("base64");
  const chosen = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: charla.v1";
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${chosen}\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`);
}

function welcome(socket) {
  const user = { id: "ana", name: "Ana", role: "member" };
  const frameOf = { type: "welcome", session: "s", user, tenant: "demo", heartbeat_ms: 25_000, token_expires_at: null, server_time: new Date().toISOString() };
  socket.write(frame(TEXT, Buffer.from(JSON.stringify(frameOf))));
}

function goodbye(socket, code, reason = "") {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  socket.end(frame(CLOSE, Buffer.concat([body, Buffer.from(reason)])));
}

/** What a door does with a handshake. */
export const HANDSHAKES = {
  hangsUp: (socket) => socket.destroy(),
  acceptsAndDies(socket, head) {
    accept(socket, head);
    socket.end();
  },
  welcomesAndDies(socket, head) {
    accept(socket, head);
    welcome(socket);
    socket.end();
  },
  welcomesAndFails(socket, head) {
    accept(socket, head);
    welcome(socket);
    goodbye(socket, 1011);
  },
};

/** A listener that serves nobody and counts everybody. */
export class Door {
  /** Attempts to open a WebSocket. */
  handshakes = 0;
  /** Everything else that was asked: preflights. */
  requests = 0;
  #server;

  /**
   * @param {(socket: import("node:net").Socket, head: string) => void} onHandshake
   * @param {string} [answer] To a plain request; without one it is hung up on.
   */
  static async open(onHandshake, answer) {
    const door = new Door();
    door.#server = createServer((socket) => door.#knock(socket, onHandshake, answer)).listen(0, "127.0.0.1");
    await once(door.#server, "listening");
    // A test that fails must not keep the others waiting.
    door.#server.unref();
    door.port = door.#server.address().port;
    return door;
  }

  #knock(socket, onHandshake, answer) {
    let head = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (head.includes("\r\n\r\n")) return;
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      if (/^upgrade: websocket\r$/im.test(head)) {
        this.handshakes += 1;
        onHandshake(socket, head);
      } else {
        this.requests += 1;
        socket.end(answer ?? "");
      }
    });
  }

  async close() {
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

/** A relay in front of a server that works. */
export class Line {
  handshakes = 0;
  /** Nothing passes, in neither direction, and nobody is told. */
  #isDead = false;
  #sockets = new Set();
  #server;

  /** @param {string} host As in `127.0.0.1:9001`. */
  static async lay(host) {
    const [address, port] = host.split(":");
    const line = new Line();
    line.#server = createServer((near) => line.#join(near, connect(Number(port), address))).listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    line.#server.unref();
    line.port = line.#server.address().port;
    return line;
  }

  #join(near, far) {
    const both = [near, far];
    both.forEach((socket, side) => {
      const other = both[1 - side];
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk) => {
        if (side === 0 && /^upgrade: websocket\r$/im.test(chunk.toString("latin1"))) this.handshakes += 1;
        if (!this.#isDead) other.write(chunk);
      });
      socket.on("close", () => {
        this.#sockets.delete(socket);
        if (!this.#isDead) other.destroy();
      });
    });
  }

  /** Ends every connection without a word. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** What is open looks open and carries nothing any more; so does what is opened from now on. */
  die() {
    this.#isDead = true;
  }

  /** New connections work again; the dead ones stay dead. */
  revive() {
    for (const socket of this.#sockets) socket.removeAllListeners("data").resume();
    this.#isDead = false;
  }

  async remove() {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut();
    await closed;
  }
}
