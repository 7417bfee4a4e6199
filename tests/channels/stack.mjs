/** @file The stack of the guide: one Chromium, nginx with the page on it, and behind it Channels under uvicorn and under daphne. */
import { launch } from "../browser/people.mjs";
import { furnish, soon } from "../clients/lab.mjs";
import { assertTranscript } from "../clients/transcript.mjs";
import { Visitor } from "../clients/visitor.mjs";
import { freePort, Nginx } from "../proxy/nginx.mjs";
import { Asgi, Database } from "./asgi.mjs";

const JS = new URL("../../js/", import.meta.url).pathname;
const PAGE = new URL("./page/", import.meta.url).pathname;
const TRANSCRIPTS = new URL("./transcripts/", import.meta.url);
/** A name that Django's ALLOWED_HOSTS does not hold. */
const RESOLVE = "--host-resolver-rules=MAP *.charla.test 127.0.0.1";

export class Stack {
  static async start() {
    const stack = new Stack();
    stack.database = await Database.make();
    const { database } = stack;
    stack.ports = { http: await freePort(), nobody: await freePort() };
    [stack.uvicorn, stack.daphne, stack.browser] = await Promise.all([Asgi.start("uvicorn", database), Asgi.start("daphne", database), launch([RESOLVE])]);
    stack.nginx = await Nginx.start(() => stack.#servers(), furnish);
    return stack;
  }

  #servers() {
    const proxied = `
      proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;`;
    return `
      server {
        listen 127.0.0.1:${this.ports.http};
        location /lab/ { alias page/; }
        location /lab/client.js { alias ${PAGE}client.js; }
        location /js/ { alias ${JS}; }
        location /ws/ { proxy_pass http://127.0.0.1:${this.uvicorn.port}; ${proxied} }
        location /daphne/ { proxy_pass http://127.0.0.1:${this.daphne.port}/; ${proxied} }
        location /stripped/ { proxy_pass http://127.0.0.1:${this.uvicorn.port}/; proxy_set_header Host $http_host; }
        location /spa/ { default_type text/html; return 200 "<!doctype html><title>spa</title>"; }
      }`;
  }

  /** An address behind nginx, as a page has it. `name` is what uvicorn's log will know it by. */
  address(name, path = "/ws/chat/5/") {
    return `ws://127.0.0.1:${this.ports.http}${path}?lab=${name}`;
  }

  /** Whoever is not told otherwise is ana, with a good token. @param {object} options See {@link Visitor.enter}. */
  visit({ user = "ana", ...options }) {
    return Visitor.enter(this, { title: "", token: async () => (await this.daphne.signIn(user)).access, ...options });
  }

  /** Handshakes by their status, as nginx counted them. */
  handshakes(name, expected) {
    return soon(() => this.nginx.handshakes(name), ({ length }) => length >= expected);
  }

  /** Word for word, as in the tests of Charla's own clients. */
  transcript(name, visitor, seen) {
    return assertTranscript(name, visitor, seen, TRANSCRIPTS);
  }

  async end() {
    await this.browser?.close();
    await this.nginx?.stop();
    await Promise.all([this.uvicorn?.down(), this.daphne?.down()]);
    await this.database?.remove();
  }
}
