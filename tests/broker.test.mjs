/** What several servers share, over a real Redis: the tests of the broker that need one. */

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Program } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** They are built first, if they are not. */
const LIMIT_MS = 15 * 60_000;

test("brokers of several nodes over a real Redis", { timeout: LIMIT_MS }, async (t) => {
  const scope = new Scope(t);
  const words = ["test", "--locked", "-p", "visavis-server", "--lib", "broker::tests", "--", "--include-ignored"];
  const tests = new Program(scope, process.env.CARGO ?? "cargo", words, { name: "brokers", cwd: ROOT });
  const result = await tests.line((line) => line.startsWith("test result:") && line, "to be done", LIMIT_MS);
  assert.match(result, /^test result: ok\. ([1-9]\d) passed; 0 failed; 0 ignored/, tests.lines.join("\n"));
});
