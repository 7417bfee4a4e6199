/**
 * @file Schemas of the document: named, laid out as fields, and turned into an example.
 *
 * A schema may refer to another one and to itself again, so every walk has a depth at which it stops.
 */

/** Deeper than any answer of this interface. */
const MAX_DEPTH = 6;

export class Schemas {
  /** @param {any} document */
  constructor(document) {
    this.document = document;
  }

  /** @returns {any} What a reference leads to; anything else as it is. */
  resolve(schema) {
    if (!schema?.$ref) return schema ?? {};
    const parts = schema.$ref.replace(/^#\//, "").split("/");
    return parts.reduce((place, part) => place?.[part], this.document) ?? {};
  }

  /** Without the alternative that is null. */
  #present(schema) {
    const choices = schema?.oneOf ?? schema?.anyOf;
    return choices?.find((choice) => choice.type !== "null") ?? schema;
  }

  /** "Message", "string", "array of Member" */
  name(schema) {
    const present = this.#present(schema);
    if (present?.$ref) return present.$ref.split("/").pop();
    const { type, format, items, enum: choices } = present ?? {};
    if (choices) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
    const kind = [type].flat().find((one) => one && one !== "null");
    if (kind === "array") return `${this.name(items)}[]`;
    if (!kind) return "JSON";
    return format && format !== "int64" ? `${kind} (${format})` : kind;
  }

  /** @returns {{name: string, kind: string, required: boolean, text: string, schema: any}[]} */
  fields(schema) {
    const object = this.resolve(this.#present(schema));
    const required = new Set(object.required ?? []);
    return Object.entries(object.properties ?? {}).map(([name, field]) => ({
      name,
      kind: this.name(field),
      required: required.has(name),
      text: field.description ?? this.resolve(this.#present(field)).description ?? "",
      schema: field,
    }));
  }

  /** A value that fits. */
  example(schema, depth = 0) {
    const found = this.resolve(this.#present(schema));
    if (found.example !== undefined) return found.example;
    if (found.oneOf?.every((choice) => choice.enum)) return found.oneOf[0].enum[0];
    if (found.enum) return found.enum[0];
    const kind = [found.type].flat().find((one) => one && one !== "null");
    if (kind === "object" && depth < MAX_DEPTH) {
      const fields = Object.entries(found.properties ?? {});
      return Object.fromEntries(fields.map(([name, field]) => [name, this.example(field, depth + 1)]));
    }
    if (kind === "array") return depth < MAX_DEPTH ? [this.example(found.items, depth + 1)] : [];
    if (kind === "integer" || kind === "number") return 1;
    if (kind === "boolean") return true;
    if (kind === "string") return text(found.format);
    return {};
  }
}

function text(format) {
  if (format === "date-time") return "2026-11-23T10:00:00.123Z";
  if (format === "uuid") return "0190d3f0-4b7a-7c3e-9d51-2f6a8b1c4e90";
  return "...";
}
