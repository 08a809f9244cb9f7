import { SERVER } from "./binaries.mjs";
import { Program } from "./process.mjs";

let rooms = 0;

/** The server, on a free port. */
export class Server {
  #scope;
  #options;

  /**
   * @param {Program} program
   * @param {string} origin
   */
  constructor(program, origin, scope, options) {
    this.program = program;
    /** Such as `http://127.0.0.1:40123`. */
    this.origin = origin;
    this.#scope = scope;
    this.#options = options;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ address?: string, args?: string[], namespace?: string }} [options]
   */
  static async start(scope, { address = "127.0.0.1", ...options } = {}) {
    const { program, origin } = await listen(scope, `${address}:0`, options);
    return new Server(program, origin, scope, options);
  }

  /** A new process where this one was, once that has ended. */
  async startAgain() {
    const { program } = await listen(this.#scope, new URL(this.origin).host, this.#options);
    this.program = program;
  }

  /** An invite link to a room that nobody else uses. */
  room() {
    return `${this.origin}/r/test-${process.pid}-${++rooms}`;
  }

  get webSocket() {
    return `${this.origin.replace(/^http/, "ws")}/ws`;
  }
}

async function listen(scope, address, { args = [], namespace } = {}) {
  const program = new Program(scope, SERVER, ["--listen", address, ...args], { name: "server", namespace });
  const origin = await program.line((line) => /^listening on (https?:\S+)$/.exec(line)?.[1], "its address", 5_000);
  return { program, origin };
}
