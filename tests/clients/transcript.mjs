/**
 * @file What a scenario looks like to the person in front of it, word for word, kept in `transcripts/`.
 *
 * A test compares; `CHARLA_BLESS=1` writes what it saw instead, to be read before it is committed.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";

const FOLDER = new URL("./transcripts/", import.meta.url);

/**
 * @param {string} name Of the file.
 * @param {import("./visitor.mjs").Visitor} visitor
 * @param {string} seen What the other side of the network saw.
 * @param {URL} [folder]
 */
export async function assertTranscript(name, visitor, seen, folder = FOLDER) {
  const { title, start } = visitor;
  const states = await visitor.states();
  const text = [title, "", "Seen by the server:", seen, "", "States:", ...states, "", `Console (${start.lang}):`, ...visitor.lines, ""].join("\n");
  const file = new URL(`${name}.txt`, folder);
  if (process.env.CHARLA_BLESS) {
    await mkdir(folder, { recursive: true });
    await writeFile(file, text);
  }
  const kept = await readFile(file, "utf8").catch(() => "");
  assert.deepEqual(text.split("\n"), kept.split("\n"), `${name} looks different now`);
}
