import { spawn } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { within } from "./deadline.mjs";

const END_LIMIT_MS = 5_000;
/** Lines of output that are kept to explain a failure. */
const KEPT_LINES = 40;

/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Exit */
/**
 * What a program holds: `rssBytes`, the part of it that is `ownBytes` and no mapped file, threads, open files.
 *
 * @typedef {{ rssBytes: number, ownBytes: number, threads: number, files: number }} Resources
 */

/**
 * A program under test or in its service. It is ended with its scope, by its own id.
 */
export class Program {
  #child;
  /** @type {string[]} */
  #errors = [];
  /** @type {Set<{ test: (line: string) => unknown, resolve: (found: any) => void, reject: (error: Error) => void }>} */
  #waiting = new Set();
  /** Everything it wrote to standard output. @type {string[]} */
  lines = [];
  /** How it ended. @type {Promise<Exit>} */
  exited;
  /** @type {Exit | undefined} */
  exit;

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {string} command
   * @param {string[]} args
   * @param {{ name?: string, namespace?: string, env?: Record<string, string>, cwd?: string }} [options] `namespace`: the
   *   network namespace to run in
   */
  constructor(scope, command, args, { name = command, namespace, env = {}, cwd } = {}) {
    this.name = name;
    const words = namespace === undefined ? [command, ...args] : ["ip", "netns", "exec", namespace, command, ...args];
    this.#child = spawn(words[0], words.slice(1), {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#onLine(line));
    createInterface({ input: this.#child.stderr }).on("line", (line) => {
      this.#errors.push(line);
      if (this.#errors.length > KEPT_LINES) this.#errors.shift();
    });
    this.exited = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#errors.push(error.message);
        this.#onExit({ code: null, signal: null }, resolve);
      });
      this.#child.once("close", (code, signal) => this.#onExit({ code, signal }, resolve));
    });
    scope.defer(() => this.end());
  }

  get pid() {
    return this.#child.pid;
  }

  /** The last of what it wrote to standard error. */
  get errors() {
    return this.#errors.join("\n");
  }

  /**
   * What `test` makes of the first line of standard output that it gives anything but undefined or false for: past or to
   * come, or beyond the first `from` lines.
   *
   * @template T
   * @param {(line: string) => T | undefined | false} test
   * @param {string} what
   * @param {number} limitMs
   * @returns {Promise<T>}
   */
  async line(test, what, limitMs, from = 0) {
    for (const line of this.lines.slice(from)) {
      const found = test(line);
      if (found !== undefined && found !== false) return found;
    }
    if (this.exit !== undefined) throw this.#ended(what);
    let waiter;
    const found = new Promise((resolve, reject) => {
      waiter = { test, resolve, reject: () => reject(this.#ended(what)) };
      this.#waiting.add(waiter);
    });
    try {
      return await within(limitMs, `${this.name}: ${what}`, found);
    } finally {
      this.#waiting.delete(waiter);
    }
  }

  /** Gives it a line of standard input. */
  write(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Waits for it to end by itself. @returns {Promise<Exit>} */
  ended(limitMs) {
    return within(limitMs, `${this.name} to end`, this.exited);
  }

  /** Asks it to end and waits for that; one that does not end in time is killed, which is an error. */
  async end(limitMs = END_LIMIT_MS) {
    if (this.exit !== undefined) return this.exit;
    this.#child.kill("SIGTERM");
    try {
      return await this.ended(limitMs);
    } catch (error) {
      this.#child.kill("SIGKILL");
      await this.exited;
      throw error;
    }
  }

  /** Ends it without a word, as a crash would, and waits for that. @returns {Promise<Exit>} */
  async kill() {
    this.#child.kill("SIGKILL");
    return await this.exited;
  }

  /** What it holds at the moment. @returns {Resources} */
  resources() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
    return {
      rssBytes: field("VmRSS") * 1024,
      ownBytes: field("RssAnon") * 1024,
      threads: field("Threads"),
      files: readdirSync(`/proc/${this.pid}/fd`).length,
    };
  }

  #onLine(line) {
    this.lines.push(line);
    for (const waiter of [...this.#waiting]) {
      const found = waiter.test(line);
      if (found === undefined || found === false) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(found);
    }
  }

  #onExit(exit, resolve) {
    if (this.exit !== undefined) return;
    this.exit = exit;
    for (const waiter of this.#waiting) waiter.reject(new Error());
    this.#waiting.clear();
    resolve(exit);
  }

  #ended(what) {
    const { code, signal } = this.exit;
    return new Error(`${this.name} ended (${signal ?? code}) before: ${what}\n${this.errors}`);
  }
}

/**
 * Runs a program to its end; gives its standard output, or throws with what it wrote to standard error.
 *
 * @param {import("./scope.mjs").Scope} scope
 */
export async function run(scope, command, args, { limitMs = 30_000, ...options } = {}) {
  const program = new Program(scope, command, args, options);
  const { code, signal } = await program.ended(limitMs);
  if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${signal ?? code}\n${program.errors}`);
  return program.lines.join("\n");
}
