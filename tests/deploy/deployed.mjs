/** @file What stands in deploy/, put in place for a test: other ports and folders, and not a word else. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export const BINARY = process.env.CHARLA_BIN ?? new URL("../../target/debug/charla", import.meta.url).pathname;
export const DEPLOY = new URL("../../deploy/", import.meta.url).pathname;
/** Variables named CHARLA_ are settings to the server, and ours are none. */
const ENVIRONMENT = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CHARLA_")));

/** A file of deploy/. */
export const read = (path) => readFile(join(DEPLOY, path), "utf8");

/**
 * Runs a program to its end, whatever the end.
 * @param {string} program @param {string[]} args @param {Record<string, string>} [variables]
 * @returns {Promise<{code: number, out: string, err: string}>}
 */
export async function run(program, args, variables = {}, cwd = "/") {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { env: { ...ENVIRONMENT, LANG: "C.UTF-8", ...variables }, cwd });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (typeof error.code !== "number") throw error;
    return { code: error.code, out: error.stdout, err: error.stderr };
  }
}

/** The documents of a YAML file, as Python's reader has them: an anchor that is missing or a key twice is an error. */
export async function yaml(path) {
  const script = `
import json, sys, yaml
class Strict(yaml.SafeLoader): pass
def mapping(loader, node, deep=False):
    keys = [loader.construct_object(key, deep) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    assert len(keys) == len(set(keys)), f"a key twice: {keys} {node.start_mark}"
    loader.flatten_mapping(node)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)
Strict.add_constructor("tag:yaml.org,2002:map", mapping)
json.dump([document for document in yaml.load_all(open(sys.argv[1]), Strict)], sys.stdout)`;
  const { code, out, err } = await run("python3", ["-c", script, join(DEPLOY, path)]);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out);
}

/** A duration as settings have it (`25s`, `1m`), in seconds. */
export function seconds(text) {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(text);
  return Number(count) * { ms: 0.001, s: 1, m: 60, h: 3600 }[unit];
}

/** The settings that variables and a file come to, by `charla config show`: texts without their quotes. */
export async function settings(variables, file) {
  const { code, out, err } = await run(BINARY, ["config", "show", ...(file ? ["--config", file] : [])], variables);
  if (code !== 0) throw new Error(err + out);
  const lines = out.split("\n").flatMap((line) => [...line.matchAll(/^(\S+)\s+= (.*?)\s+# /g)]);
  return new Map(lines.map(([, key, value]) => [key, value.replace(/^"(.*)"$/, "$1")]));
}

/** nginx' folder with the files of deploy/nginx where their first lines say. */
export class Front {
  #child;

  /**
   * @param {{nodes: number[], http: number, https: number}} ports
   * @returns {Promise<Front>} Furnished, not started.
   */
  static async furnish({ nodes, http, https }) {
    const front = new Front();
    front.folder = await mkdtemp(join(tmpdir(), "charla-front-"));
    front.log = join(front.folder, "log");
    front.port = https;
    const put = async (from, to, change) => writeFile(join(front.folder, to), change(await read(`nginx/${from}`)));
    const same = (text) => text;
    for (const folder of ["conf.d", "snippets", "log"]) await mkdir(join(front.folder, folder));
    front.certificate = join(front.folder, "certificate.pem");
    const made = await run("openssl", [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
      "-subj", "/CN=chat.example.org", "-addext", "subjectAltName=DNS:chat.example.org,DNS:localhost,IP:127.0.0.1",
      "-keyout", join(front.folder, "key.pem"), "-out", front.certificate,
    ]);
    if (made.code !== 0) throw new Error(made.err);
    await put("charla-http.conf", "conf.d/charla-http.conf", same);
    await put("charla-location.conf", "snippets/charla-location.conf", same);
    await put("charla.conf", "conf.d/charla.conf", (text) =>
      replaced(text, [
        ...nodes.map((port, place) => [`127.0.0.1:${9001 + place} `, `127.0.0.1:${port} `]),
        ["listen 80;", `listen 127.0.0.1:${http};`],
        ["listen [::]:80;", ""],
        ["listen 443 ssl;", `listen 127.0.0.1:${https} ssl;`],
        ["listen [::]:443 ssl;", ""],
        ["/etc/letsencrypt/live/chat.example.org/fullchain.pem", front.certificate],
        ["/etc/letsencrypt/live/chat.example.org/privkey.pem", join(front.folder, "key.pem")],
        ["/var/log/nginx/charla.access.log", join(front.log, "access.log")],
        ["/var/log/nginx/charla.error.log", join(front.log, "error.log")],
      ]),
    );
    front.configuration = join(front.folder, "nginx.conf");
    await writeFile(front.configuration, frame(front.folder));
    return front;
  }

  /** What `nginx -t` says. */
  check() {
    return run("nginx", ["-t", "-p", this.folder, "-c", this.configuration, "-e", "stderr"]);
  }

  async start() {
    const child = spawn("nginx", ["-p", this.folder, "-c", this.configuration, "-e", "stderr"], { stdio: ["ignore", "ignore", "pipe"] });
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

  accessLog() {
    return readFile(join(this.log, "access.log"), "utf8");
  }

  async stop() {
    if (this.#child && this.#child.exitCode === null) {
      const ended = once(this.#child, "exit");
      this.#child.kill();
      await ended;
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Replaces each text once; one that is not there, or there twice, is an error. */
function replaced(text, pairs) {
  for (const [from, to] of pairs) {
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${JSON.stringify(from)} stands ${parts.length - 1} times in the file`);
    text = parts.join(to);
  }
  return text;
}

/** Workers read what the test may read; only root has to say so. */
const USER = process.getuid() === 0 ? "user root;" : "";

/** As Debian's, with everything below one folder. */
const frame = (folder) => `
${USER} daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr notice;
events { worker_connections 256; }
http {
  access_log ${folder}/log/other.log;
  client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  include ${folder}/conf.d/*.conf;
}`;

