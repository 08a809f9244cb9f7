import { SERVER } from "./binaries.mjs";
import { Program } from "./process.mjs";

let rooms = 0;

/** The server, on a free port. */
export class Server {
  /**
   * @param {Program} program
   * @param {string} origin
   */
  constructor(program, origin) {
    this.program = program;
    /** Such as `http://127.0.0.1:40123`. */
    this.origin = origin;
  }

  /**
   * @param {import("./scope.mjs").Scope} scope
   * @param {{ address?: string, args?: string[], namespace?: string }} [options]
   */
  static async start(scope, { address = "127.0.0.1", args = [], namespace } = {}) {
    const program = new Program(scope, SERVER, ["--listen", `${address}:0`, ...args], { name: "server", namespace });
    const origin = await program.line((line) => /^listening on (https?:\S+)$/.exec(line)?.[1], "its address", 5_000);
    return new Server(program, origin);
  }

  /** An invite link to a room that nobody else uses. */
  room() {
    return `${this.origin}/r/test-${process.pid}-${++rooms}`;
  }

  get webSocket() {
    return `${this.origin.replace(/^http/, "ws")}/ws`;
  }
}
