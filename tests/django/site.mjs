/**
 * @file The example in `examples/django-chat`, as it stands there: Django under uvicorn, Charla beside it, and nginx with the page, whose one
 * include decides which of the two serves the sockets.
 */
import { createRequire } from "node:module";
import { cp, readFile, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { createHmac } from "node:crypto";

import { freePort, Nginx } from "../proxy/nginx.mjs";
import { Program } from "./program.mjs";
import { EXAMPLE, PYTHON, SECRET } from "./world.mjs";

const MODULES = process.env.CHARLA_NODE_MODULES ?? join(process.env.CHARLA_TOOLS_NODE ?? ".", "node_modules");
/** As people have it: it came with wscat. */
export const { WebSocket } = createRequire(join(MODULES, "wscat/package.json"))("ws");
export const BINARY = process.env.CHARLA_BIN ?? new URL("../../target/debug/charla", import.meta.url).pathname;
/** The ports that stand in the example's files. */
const PORTS = { 8080: "http", 9001: "uvicorn", 9002: "charla" };

/** Within http { }: both serve, and a cookie says which of them is meant. */
const AS_ASKED = `upstream uvicorn { server 127.0.0.1:9001; }
upstream charla { server 127.0.0.1:9002; }
map $cookie_servidor $chat { charla charla; uvicorn uvicorn; }
`;

/** Sends a second: nobody's limit. */
const MANY = 1_000_000;

export class Site {
  /**
   * @param {import("./world.mjs").World} world
   * @param {object} options
   * @param {"uvicorn" | "charla" | "half" | "asked"} options.chat Who serves the sockets behind nginx; half: both, in turn; asked:
   *   whichever a cookie `servidor` names.
   * @param {boolean} [options.both] Whether Charla runs; Django always does.
   * @param {boolean} [options.bare] Groups without the company in their names.
   * @param {"core" | "pubsub"} [options.layer]
   * @param {boolean} [options.limits] Whether Charla's limits on rates hold.
   */
  static async start(world, { chat, both = chat !== "uvicorn", bare = false, layer = "core", limits = true }) {
    const site = new Site();
    Object.assign(site, { world, chat, bare, layer, limits, ...(await world.plot()) });
    site.ports = { http: await freePort(), uvicorn: await freePort(), charla: await freePort() };
    try {
      await Promise.all([site.#django(), both && site.#charla(), site.#nginx()]);
    } catch (error) {
      await site.end();
      throw error;
    }
    return site;
  }

  async #django() {
    const env = { ...this.world.environment(this.database, this.number), CHAT_LAYER: this.layer, GRUPOS_SIN_TENANT: this.bare ? "1" : "0" };
    const args = ["-m", "uvicorn", "soporte.asgi:application", "--port", String(this.ports.uvicorn)];
    const log = join(this.world.folder, `${this.database}.log`);
    this.uvicorn = await Program.start(PYTHON, args, /Uvicorn running on/, { cwd: EXAMPLE, env, log });
  }

  async #charla() {
    const { world } = this;
    const given = (await readFile(join(EXAMPLE, "charla.toml"), "utf8"))
      .replace("127.0.0.1:9002", `127.0.0.1:${this.ports.charla}`)
      .replaceAll("postgres://charla@127.0.0.1:5432/soporte", world.databaseUrl(this.database, "charla"))
      .replace("redis://127.0.0.1:6379/0", world.redisUrl(this.number))
      .replace('layer = "core"', `layer = "${this.layer}"`)
      // Where the name does not say whose a group is, the event must.
      .replaceAll(/group = "\{tenant\}\.(.*)"/g, (line, name) => (this.bare ? `group = "${name}"\ntenant_field = "tenant"` : line));
    const limits = this.limits ? "" : `\n[limits]\nsends_per_second = ${MANY}\nsend_burst = ${MANY}\n`;
    const config = join(world.folder, `${this.database}.toml`);
    await writeFile(config, given + limits);
    // Variables named CHARLA_ are settings to the server, and the tests' own are none.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_"));
    const env = { ...Object.fromEntries(own), DJANGO_SECRET_KEY: SECRET };
    this.charla = await Program.start(BINARY, ["serve", "--config", config], /listening/, { env });
  }

  async #nginx() {
    this.nginx = await Nginx.start(() => "include sitio.conf;", async (folder) => {
      const given = (file) => readFile(join(EXAMPLE, "nginx", file), "utf8");
      const [site, chat] = this.chat === "asked"
        ? [(await given("sitio.conf")).replace("http://chat;", "http://$chat;"), AS_ASKED]
        : [await given("sitio.conf"), await given(`chat-${this.chat}.conf`)];
      for (const [text, to] of [[site, "sitio.conf"], [chat, "chat.conf"]]) {
        const ported = text.replace(/127\.0\.0\.1:(\d+)/g, (_, port) => `127.0.0.1:${this.ports[PORTS[port]]}`);
        await writeFile(join(folder, to), ported);
      }
      await furnish(folder);
    });
  }

  /** The page of a company. */
  page(tenant, query = "", file = "index.html") {
    return `http://${tenant}.localhost:${this.ports.http}/${file}${query}`;
  }

  /** A socket's address, behind nginx or at one server itself. @param {"http" | "uvicorn" | "charla"} [door] */
  socket(tenant, chat, token, door = "http") {
    const host = door === "http" ? `${tenant}.localhost` : "127.0.0.1";
    return `ws://${host}:${this.ports[door]}/ws/chat/${chat}/?token=${token}&tenant=${tenant}`;
  }

  /** A request to Django in a company's name. @returns {Promise<any>} */
  call(tenant, path, body, bearer) {
    const headers = { host: `${tenant}.localhost`, "content-type": "application/json", ...(bearer && { authorization: `Bearer ${bearer}` }) };
    return new Promise((resolve, reject) => {
      const asked = request({ port: this.ports.uvicorn, path, method: body ? "POST" : "GET", headers }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        response.on("end", () => (response.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(`${path}: ${response.statusCode} ${text}`))));
      });
      asked.on("error", reject).end(body && JSON.stringify(body));
    });
  }

  /** Signs in as the page does. @returns {Promise<{access: string, refresh: string}>} */
  signIn(tenant, username) {
    return this.call(tenant, "/api/token/", { username, password: username });
  }

  async end() {
    await this.nginx?.stop();
    await Promise.all([this.uvicorn?.down("SIGKILL"), this.charla?.down()]);
  }
}

/** The page's files beside React in one file, as `npm run vendor` makes it. */
async function furnish(folder) {
  const { build } = createRequire(join(MODULES, "_"))("esbuild");
  await cp(join(EXAMPLE, "pagina"), join(folder, "pagina"), { recursive: true });
  await build({
    entryPoints: [join(EXAMPLE, "pagina/react.entry.js")],
    outfile: join(folder, "vendor/react.js"),
    bundle: true,
    format: "esm",
    nodePaths: [MODULES],
    define: { "process.env.NODE_ENV": '"production"' },
    tsconfigRaw: {},
    logLevel: "silent",
  });
}

/**
 * A token as SimpleJWT makes it.
 * @param {number} user
 * @param {number} lifeSeconds From now on; negative: it has run out.
 * @param {object} [more] Claims besides.
 */
export function token(user, lifeSeconds, more = {}) {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { token_type: "access", exp: now + lifeSeconds, iat: now - 330, jti: crypto.randomUUID().replaceAll("-", ""), user_id: String(user), ...more };
  const [head, body] = [{ alg: "HS256", typ: "JWT" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${head}.${body}.${createHmac("sha256", SECRET).update(`${head}.${body}`).digest("base64url")}`;
}
