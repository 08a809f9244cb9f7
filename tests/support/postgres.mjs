import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Program } from "./process.mjs";

/** Debian keeps the server's programs out of the path, a folder for each version. */
const VERSIONS = "/usr/lib/postgresql";
const READY_LIMIT_MS = 20_000;
const PORT = 5432;

/** A server of PostgreSQL with a cluster of its own, on a socket in the test's folder. */
export class Postgres {
  /** @type {Program} */
  #program;

  constructor(scope, folder, programs) {
    this.scope = scope;
    this.folder = folder;
    this.programs = programs;
    /** For `moderation.database`. */
    this.url = `postgres://postgres@localhost:${PORT}/postgres?host=${encodeURIComponent(folder)}`;
  }

  /** @param {import("./scope.mjs").Scope} scope */
  static async start(scope) {
    const folder = join(scope.folder, "postgres");
    mkdirSync(folder, { mode: 0o700 });
    const postgres = new Postgres(scope, folder, programs());
    if (process.getuid() === 0) {
      const [uid, gid] = ["-u", "-g"].map((which) => Number(execFileSync("id", [which, "postgres"])));
      chownSync(folder, uid, gid);
      // The way to it has to be open to that user.
      execFileSync("chmod", ["o+x", scope.folder]);
    }
    const [initdb, ...args] = postgres.#asItsUser("initdb", "-D", join(folder, "data"), "-U", "postgres", "--auth=trust", "--no-sync");
    execFileSync(initdb, args, { cwd: folder, stdio: "pipe" });
    await postgres.begin();
    return postgres;
  }

  /** Begins to serve, anew if it has ended. */
  async begin() {
    // It says on standard error that it is ready.
    const words = this.#asItsUser("postgres", "-D", join(this.folder, "data"), "-k", this.folder, "-h", "", "-F");
    this.#program = new Program(this.scope, "sh", ["-c", 'exec "$@" 2>&1', "sh", ...words], { name: "postgres", cwd: this.folder });
    this.scope.defer(() => this.end());
    await this.#program.line((line) => line.includes("ready to accept connections"), "to be ready", READY_LIMIT_MS);
  }

  /** Ends at once, whoever is connected. */
  async end() {
    if (this.#program.exit !== undefined) return;
    process.kill(this.#program.pid, "SIGINT");
    await this.#program.ended(READY_LIMIT_MS);
  }

  /** The words that run one of its programs as a user that is not root, which it refuses. */
  #asItsUser(program, ...args) {
    const words = [join(this.programs, program), ...args];
    if (process.getuid() !== 0) return words;
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", ...words];
  }
}

function programs() {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(VERSIONS, version, "bin"));
  const found = folders.find((folder) => existsSync(join(folder, "initdb")));
  if (found === undefined) throw new Error("PostgreSQL is not installed: apt-get install postgresql");
  return found;
}
