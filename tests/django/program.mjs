/** @file One program of a stack: started, waited for by what it says, killed and started again, always by its own id. */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** A first start on a busy machine. */
const READY_WITHIN_MS = 60_000;

export class Program {
  /** All it wrote since it was first started. @type {string[]} */
  lines = [];
  #child = null;

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {RegExp} ready A line that says that it serves.
   * @param {import("node:child_process").SpawnOptions & {log?: string}} [options] `log`: a file that its lines go to as well.
   */
  constructor(command, args, ready, { log, ...options } = {}) {
    Object.assign(this, { command, args, ready, log, options });
  }

  /** @returns {Promise<Program>} Serving. */
  static async start(...what) {
    const program = new Program(...what);
    await program.up();
    return program;
  }

  async up() {
    const child = spawn(this.command, this.args, { ...this.options, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${this.command} ${why}\n${this.lines.join("\n")}`));
      const timer = setTimeout(() => fail(`not ready after ${READY_WITHIN_MS} ms`), READY_WITHIN_MS);
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on("line", (line) => {
          this.lines.push(line);
          if (this.log) appendFileSync(this.log, `${line}\n`);
          if (!this.ready.test(line)) return;
          clearTimeout(timer);
          resolve();
        });
      }
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`ended with ${code}`));
    });
  }

  /** @param {NodeJS.Signals} [signal] */
  async down(signal = "SIGTERM") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  /** How many of its lines say so. @param {RegExp} pattern */
  said(pattern) {
    return this.lines.filter((line) => pattern.test(line)).length;
  }
}
