/**
 * @file The chat page over the server in memory, to work on the page without building the real one.
 *
 * `node js/dev/serve.js [port]`, then open the address it prints. `POST /fake/drop?code=4508&reason=...`,
 * `/fake/down`, `/fake/up`, `/fake/refuse?cause=...`, `/fake/say?user=luis&chat=5&text=...` make it misbehave.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { FakeServer } from "../fake-server.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
/** The same policy as the real server's, so that what breaks it is seen here. */
const POLICY =
  "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; object-src 'none'; " +
  "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const fake = new FakeServer();
seed(fake);

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://fake");
  const body = await read(request);
  if (url.pathname.startsWith("/fake/")) return json(response, 200, control(url));
  if (fake.down) return request.socket.destroy();
  const file = fileOf(url.pathname);
  if (file) return sendFile(response, file);
  const bearer = request.headers.authorization?.replace(/^Bearer /, "");
  const answer = fake.handle(request.method, url, bearer, body ? JSON.parse(body) : {});
  return json(response, answer.status, answer.json);
});

server.on("upgrade", (request, socket) => {
  if (fake.down) return socket.destroy();
  const accept = createHash("sha1").update(request.headers["sec-websocket-key"] + ACCEPT_SUFFIX).digest("base64");
  const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: charla.v1\r\n\r\n`,
  );
  const peer = {
    send: (text) => socket.write(frame(1, Buffer.from(text))),
    close(code, reason) {
      if (code === 1006) return socket.destroy();
      const head = Buffer.alloc(2);
      head.writeUInt16BE(code);
      return socket.end(frame(8, Buffer.concat([head, Buffer.from(reason)])));
    },
  };
  const connection = fake.accept(new URL(request.url, "http://fake"), protocols, peer);
  const gone = () => connection.user && connection.gone();
  socket.on("error", gone).on("close", gone);
  readFrames(socket, (opcode, data) => {
    if (opcode === 1) connection.receive(data.toString());
    if (opcode === 8) socket.end(frame(8, data.subarray(0, 2)));
  });
  return undefined;
});

server.listen(Number(process.argv[2] ?? 9100), "127.0.0.1", () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/?user=ana\n`);
});

function control(url) {
  const given = Object.fromEntries(url.searchParams);
  const acts = {
    drop: () => fake.drop(Number(given.code ?? 1006), given.reason ?? ""),
    down: () => ((fake.down = true), fake.drop()),
    up: () => (fake.down = false),
    refuse: () => fake.refuse(given.cause ?? null, given.detail),
    say: () => fake.post(given.chat ?? "5", given.user, given.text),
    typing: () => type(given),
    close: () => close(given),
    notify: () => notify(given),
    lose: () => fake.lose(Number(given.count ?? 1)),
  };
  acts[url.pathname.slice("/fake/".length)]?.();
  return { ok: true };
}

function type({ chat = "5", user, on = "true" }) {
  const { id, name } = fake.users.get(user);
  fake.toChat(fake.chats.get(chat), { type: "typing", chat, user: { id, name }, on: on === "true" });
}

function close({ chat = "5", by = "sofia", reason }) {
  fake.chats.get(chat).state = "closed";
  const { id, name } = fake.users.get(by);
  fake.toChat(fake.chats.get(chat), { type: "chat_closed", chat, by: { id, name }, at: new Date().toISOString(), reason });
}

function notify({ text, url }) {
  const created_at = new Date().toISOString();
  for (const each of fake.connections) each.tell({ type: "notification", id: "1", kind: "info", text, url, created_at });
}

function fileOf(path) {
  if (path === "/") return "web/index.html";
  const found = /^\/assets\/(web|charla)\/(.+)$/.exec(normalize(path));
  return found && (found[1] === "web" ? `web/${found[2]}` : `js/src/${found[2]}`);
}

async function sendFile(response, file) {
  try {
    const data = await readFile(ROOT + file);
    response.writeHead(200, { "content-type": TYPES[extname(file)], "content-security-policy": POLICY, "cache-control": "no-cache" });
    response.end(data);
  } catch {
    json(response, 404, { cause: "not_found" });
  }
}

function json(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}

async function read(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

/** RFC 6455, section 5.2: unfragmented, unmasked, as servers send. */
function frame(opcode, data) {
  const length = data.length;
  const head = length < 126 ? Buffer.from([0x80 | opcode, length]) : Buffer.alloc(length < 65_536 ? 4 : 10);
  if (length >= 126) {
    head[0] = 0x80 | opcode;
    head[1] = length < 65_536 ? 126 : 127;
    if (length < 65_536) head.writeUInt16BE(length, 2);
    else head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, data]);
}

function readFrames(socket, receive) {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < 2) return;
      const short = rest[1] & 0x7f;
      const at = short === 126 ? 4 : short === 127 ? 10 : 2;
      if (rest.length < at + 4) return;
      const length = short === 126 ? rest.readUInt16BE(2) : short === 127 ? Number(rest.readBigUInt64BE(2)) : short;
      if (rest.length < at + 4 + length) return;
      const mask = rest.subarray(at, at + 4);
      const data = Buffer.from(rest.subarray(at + 4, at + 4 + length)).map((byte, n) => byte ^ mask[n % 4]);
      receive(rest[0] & 0x0f, data);
      rest = rest.subarray(at + 4 + length);
    }
  });
}

/** A few chats with a past, so that every part of the page has something to show. */
function seed(server) {
  for (const login of ["ana", "luis", "eva"]) server.addUser(login);
  server.addUser("sofia", { role: "agent", name: "Sofía" });
  server.addChat("5", ["ana", "luis"], "Mudanza a Valencia");
  server.addChat("7", ["ana", "sofia"], "Soporte");
  server.addChat("8", ["ana", "luis", "eva"], "Cena del viernes");
  server.addChat("9", ["eva"], "Solo Eva");
  const day = 86_400_000;
  const start = Date.now() - 3 * day;
  for (let n = 0; n < 120; n += 1) {
    server.post("5", n % 3 ? "luis" : "ana", `Nota ${n + 1}: caja ${n + 1} lista`, { at: start - day + n * 60_000 });
  }
  const talk = [
    ["luis", "Buenos días. ¿Ya tienes las llaves del piso?", 0],
    ["ana", "Sí, me las dieron ayer por la tarde 🎉", 4],
    ["ana", "Está más luminoso de lo que recordaba. La cocina es pequeña, pero el salón lo compensa.", 5],
    ["luis", "Qué alegría. Te paso el presupuesto del camión: https://example.com/presupuesto/2026-11", 9],
    ["luis", "Dos personas, cuatro horas. Si salimos antes de las 9 nos ahorramos el atasco de la V-31.", 10],
    ["ana", "Perfecto", 31],
  ];
  for (const [login, text, minutes] of talk) server.post("5", login, text, { at: start + 2 * day + minutes * 60_000 });
  const late = [
    ["luis", "Mañana a las 8:30 en tu portal, ¿te va bien?", 0],
    ["ana", "Me va bien. Llevo café ☕", 2],
    ["luis", "👍", 3],
  ];
  for (const [login, text, minutes] of late) server.post("5", login, text, { at: Date.now() - 3_600_000 + minutes * 60_000 });
  server.chats.get("5").reads.set("41", 129).set("42", 128);
  server.post("7", "sofia", "Hola, Ana. ¿En qué te puedo ayudar?", { at: Date.now() - 2 * day });
  server.chats.get("7").reads.set("41", 1);
  server.post("8", "eva", "¿Reservo mesa para cuatro o para cinco?", { at: Date.now() - 1_500_000 });
  server.post("8", "luis", "Cinco, viene mi hermana", { at: Date.now() - 1_200_000 });
}
