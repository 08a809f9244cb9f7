import { existsSync, mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { Program } from "./process.mjs";

const PROGRAM = "/usr/bin/redis-server";
const READY_LIMIT_MS = 10_000;

/** A Redis of its own, on a loopback port that it keeps when it is killed and begins anew. */
export class Redis {
  /** @type {Program} */
  #program;

  constructor(scope, port) {
    this.scope = scope;
    this.port = port;
    this.folder = join(scope.folder, "redis");
    /** For `cluster.redis`. */
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** @param {import("./scope.mjs").Scope} scope */
  static async start(scope) {
    if (!existsSync(PROGRAM)) throw new Error("Redis is not installed: apt-get install redis-server");
    const redis = new Redis(scope, await freePort());
    await redis.begin();
    return redis;
  }

  /** Begins to serve: with what it has written down, or with nothing. */
  async begin({ data = true } = {}) {
    if (!data) rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.folder, { recursive: true });
    const words = ["--port", `${this.port}`, "--bind", "127.0.0.1", "--dir", this.folder, "--save", ""];
    words.push("--appendonly", "yes", "--appendfsync", "always");
    this.#program = new Program(this.scope, PROGRAM, words, { name: "redis" });
    await this.#program.line((line) => line.includes("Ready to accept connections"), "to be ready", READY_LIMIT_MS);
  }

  /** It is gone from one moment to the next. */
  async kill() {
    process.kill(this.#program.pid, "SIGKILL");
    await this.#program.exited;
  }
}

async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
