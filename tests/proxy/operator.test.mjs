/** @file Operators who sign in at nginx: it names them to the console, a stranger's own word for it counts for nothing. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Demo } from "../browser/demo.mjs";
import { launch, open } from "../browser/people.mjs";
import { freePort, Nginx } from "./nginx.mjs";

const HEADER = "X-Auth-Request-Email";
const OPERATOR = "ops@example.org";

let demo;
let nginx;
let browser;
/** Where people sign in, and where nobody does. */
let ports;

/** As docs/console.md has it; whoever has the cookie has signed in. */
function servers() {
  const upstream = new URL(demo.url).host;
  const pass = (email) => `proxy_set_header ${HEADER} ${email}; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; proxy_http_version 1.1; proxy_pass http://${upstream};`;
  const guarded = (place) => `location ${place} { auth_request /signed-in; proxy_buffering off; ${pass("$email")} }`;
  return `
  map $cookie_who $email { default ''; signed-in '${OPERATOR}'; }
  server {
    listen 127.0.0.1:${ports.guarded};
    location = /signed-in { internal; if ($email = '') { return 401; } return 204; }
    ${guarded("/console")} ${guarded("/api/v1/console/")} ${guarded("~ ^/api/v1/(nodes|loops|limits|webhooks|tenants/[^/]+/(limits|webhooks|dead-letters))")}
    location / { ${pass("''")} }
  }
  server { listen 127.0.0.1:${ports.bare}; location / { ${pass("''")} } }`;
}

before(async () => {
  ports = { guarded: await freePort(), bare: await freePort() };
  demo = await Demo.start({ "server.trusted_proxies": "127.0.0.0/8", "console.user_header": HEADER });
  [nginx, browser] = await Promise.all([Nginx.start(servers), launch()]);
});

after(async () => {
  await browser?.close();
  await nginx?.stop();
  await demo?.stop();
});

async function status(port, path, headers = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  await answer.body?.cancel();
  return answer.status;
}

test("who has signed in is let in, and nobody else is by saying so", async () => {
  for (const path of ["/api/v1/console/overview", "/api/v1/nodes", "/api/v1/loops", "/api/v1/limits", "/api/v1/webhooks", `/api/v1/tenants/${demo.about.tenant}/limits`]) {
    assert.equal(await status(ports.guarded, path, { cookie: "who=signed-in" }), 200, path);
    assert.equal(await status(ports.guarded, path, { [HEADER]: OPERATOR }), 401, path);
    assert.equal(await status(ports.bare, path, { [HEADER]: OPERATOR }), 401, "nginx takes the header away");
  }
});

test("an operator's pages need no key behind the proxy, and what it does is written down under its name", async () => {
  const address = `http://127.0.0.1:${ports.guarded}`;
  const operator = await open(browser, `http://127.0.0.1:${ports.bare}/healthz`);
  const { page } = operator;
  await page.context().addCookies([{ name: "who", value: "signed-in", url: address }]);
  await page.goto(`${address}/console`);
  await page.waitForSelector(".now");
  await page.goto(`${address}/console/nodes`);
  await page.waitForSelector(".list tbody tr");
  await page.goto(`${address}/console/loops`);
  await page.waitForSelector("main .looking");
  await operator.picture("operator-loops");
  await page.locator("[name=key]").focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("main .looking");
  const answer = await page.evaluate(async ([tenant, user]) => {
    const body = JSON.stringify({ tenant, user });
    const asked = await fetch("/api/v1/console/disconnect", { method: "POST", headers: { "content-type": "application/json", "charla-console": "1" }, body });
    return asked.status;
  }, [demo.about.tenant, demo.about.users[0].id]);
  assert.ok(answer < 300, String(answer));
  assert.match(demo.log(), new RegExp(`charla::audit.*${OPERATOR}.*disconnect`));
  await operator.leave();
});

test("without the proxy's word the page asks for a key", async () => {
  const operator = await open(browser, `http://127.0.0.1:${ports.bare}/console/nodes`);
  const { page } = operator;
  await page.waitForSelector("[name=key]");
  await page.fill("[name=key]", demo.about.operator_key);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".list tbody tr");
  await operator.leave();
});
