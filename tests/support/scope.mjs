import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** @type {Set<Scope>} */
const open = new Set();

/**
 * What a test started and has to end, last things first, whether it passes, fails or is interrupted.
 */
export class Scope {
  /** @type {(() => unknown)[]} */
  #endings = [];
  #folder;

  /** @param {import("node:test").TestContext} test */
  constructor(test) {
    open.add(this);
    test.after(() => this.close());
  }

  /** Has `ending` done at the end. */
  defer(ending) {
    this.#endings.push(ending);
  }

  /** A folder that is gone after the test. */
  get folder() {
    if (this.#folder === undefined) {
      const folder = mkdtempSync(join(tmpdir(), "visavis-test-"));
      this.#folder = folder;
      this.#endings.unshift(() => rmSync(folder, { recursive: true, force: true }));
    }
    return this.#folder;
  }

  async close() {
    open.delete(this);
    const failures = [];
    for (let ending = this.#endings.pop(); ending !== undefined; ending = this.#endings.pop()) {
      try {
        await ending();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
  }
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    await Promise.allSettled([...open].map((scope) => scope.close()));
    process.exit(1);
  });
}
