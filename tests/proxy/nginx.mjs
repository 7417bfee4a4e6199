/** @file An nginx of one's own: a configuration of the test's, free ports, and its access log as the count of who came. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const LOG = "access.log";

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** One line of the access log: a request, written when it has ended. */
const FORMAT = "log_format lab '$status\\t$request_method\\t$http_sec_websocket_key\\t$uri\\t$arg_lab';";

export class Nginx {
  #child;

  constructor(folder) {
    this.folder = folder;
  }

  /**
   * @param {() => string} servers What stands within `http { }`; paths start at nginx's folder.
   * @param {(folder: string) => Promise<void>} [furnish] Puts files there first.
   * @returns {Promise<Nginx>} Serving.
   */
  static async start(servers, furnish) {
    const folder = await mkdtemp(join(tmpdir(), "charla-nginx-"));
    const nginx = new Nginx(folder);
    await furnish?.(folder);
    await writeFile(join(folder, "nginx.conf"), configuration(servers()));
    await nginx.#run();
    return nginx;
  }

  async #run() {
    const child = spawn("nginx", ["-p", this.folder, "-c", "nginx.conf", "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    const said = [];
    await new Promise((resolve, reject) => {
      child.stderr.on("data", (chunk) => {
        said.push(chunk);
        if (Buffer.concat(said).includes("start worker processes")) resolve();
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`nginx ended with ${code}\n${Buffer.concat(said)}`)));
    });
  }

  /** The requests that have ended and carried `?lab=<name>`. */
  async requests(name) {
    const text = await readFile(join(this.folder, LOG), "utf8").catch(() => "");
    return text
      .split("\n")
      .map((line) => line.split("\t"))
      .filter((fields) => fields[4] === name)
      .map(([status, method, key, path]) => ({ status: Number(status), method, isHandshake: key !== "-" && key !== "", path }));
  }

  /** The statuses of the handshakes that have ended and carried `?lab=<name>`. */
  async handshakes(name) {
    return (await this.requests(name)).filter(({ isHandshake }) => isHandshake).map(({ status }) => status);
  }

  async stop() {
    const ended = once(this.#child, "exit");
    this.#child.kill();
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Workers read what the test may read; only root has to say so. */
const USER = process.getuid() === 0 ? "user root;" : "";

const configuration = (servers) => `
${USER} daemon off; worker_processes 1; pid nginx.pid; error_log stderr notice;
events { worker_connections 256; }
http {
  ${FORMAT}
  access_log ${LOG} lab;
  types { text/html html; text/javascript js; }
  client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  ${servers}
}`;
