/** @file One operation, folded: method, address and summary; unfolded: all that goes in and comes out. */
import { h } from "/assets/web/page/dom.js";
import { t } from "./words.js";

/** The others carry nothing, or nothing that a first try needs. */
const METHODS_WITH_BODY = new Set(["post", "put", "patch"]);

/**
 * @param {{method: string, path: string, operation: any, document: any}} place
 * @param {import("./schema.js").Schemas} schemas
 */
export function operationView({ method, path, operation, document }, schemas) {
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const security = operation.security ?? document.security ?? [];
  const parameters = operation.parameters ?? [];
  const unfolded = h(
    "div",
    { class: "operation-body" },
    h("p", { class: "who" }, ...credentials(security)),
    operation.description && h("p", {}, operation.description),
    parameters.length > 0 && section("parameters", table(parameters.map((one) => parameterRow(one, schemas)))),
    body && section("body", table(schemas.fields(body))),
    section("answers", h("ul", { class: "answers" }, ...Object.entries(operation.responses).map(([status, answer]) => answerView(status, answer, schemas)))),
    section("example", code(curl(method, path, security, body && schemas.example(body)))),
  );
  return h(
    "details",
    { class: "operation", id: operation.operationId },
    h(
      "summary",
      {},
      h("span", { class: `method is-${method}` }, method.toUpperCase()),
      h("code", { class: "path" }, ...pathParts(path)),
      h("span", { class: "summary" }, operation.summary ?? ""),
    ),
    unfolded,
  );
}

function section(title, ...parts) {
  return h("section", {}, h("h4", {}, t(title)), ...parts);
}

/** Ids stand out, and a long address may break before a slash. */
function pathParts(path) {
  return path.split(/(\{\w+\})/).map((part) => (part.startsWith("{") ? h("var", {}, part) : part));
}

function credentials(security) {
  const words = { key: "asKey", token: "asToken" };
  const names = security.map((one) => Object.keys(one)[0]);
  return names.map((name) => h("span", { class: "credential" }, t(words[name] ?? "asNobody")));
}

function parameterRow({ name, in: where, description, required, schema }, schemas) {
  return { name, kind: `${schemas.name(schema)}, ${where}`, required, text: description ?? "" };
}

function table(rows) {
  const head = h("tr", {}, ...["name", "kind", "meaning"].map((key) => h("th", { scope: "col" }, t(key))));
  const line = ({ name, kind, required, text }) =>
    h("tr", {}, h("td", {}, h("code", {}, name), required && h("span", { class: "required" }, t("required"))), h("td", {}, h("code", {}, kind)), h("td", {}, ...withCode(text)));
  return h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows.map(line))));
}

function answerView(status, answer, schemas) {
  const [media] = Object.values(answer.content ?? {});
  const name = media?.schema ? schemas.name(media.schema) : "";
  const shown = status === "default" ? t("otherwise") : status;
  const head = [h("code", { class: "status" }, shown), h("span", {}, answer.description), name && h("code", {}, name)];
  if (!media?.schema) return h("li", {}, h("div", { class: "answer" }, ...head));
  return h("li", {}, h("details", {}, h("summary", { class: "answer" }, ...head), table(schemas.fields(media.schema)), code(JSON.stringify(schemas.example(media.schema), null, 2))));
}

function code(text) {
  return h("pre", { tabindex: "0" }, h("code", {}, text));
}

/** A line for a POSIX shell. */
export function curl(method, path, security, example) {
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  const names = security.map((one) => Object.keys(one)[0]);
  const credential = names.includes("token") ? "$TOKEN" : "$API_KEY";
  const lines = [`curl -s${verb} '${location.origin}${path}'`];
  if (names.some(Boolean)) lines.push(`-H "Authorization: Bearer ${credential}"`);
  if (METHODS_WITH_BODY.has(method) && example !== undefined) {
    lines.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(example).replaceAll("'", "'\\''")}'`);
  }
  return lines.join(" \\\n  ");
}

/** Text whose `names` stand between back quotes. */
export function withCode(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}
