import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Python with `bench/impairments.requirements.txt`; `cargo xtask bench` makes it. */
const PYTHON = process.env.VISAVIS_BENCH_PYTHON ?? fileURLToPath(new URL("../../target/bench-python/bin/python", import.meta.url));

/** What Python prints, run to its end. @param {string[]} words */
export function python(words) {
  if (!existsSync(PYTHON)) {
    throw new Error(`${PYTHON} is missing: run cargo xtask bench, or name a Python in VISAVIS_BENCH_PYTHON`);
  }
  return output(PYTHON, words);
}

/** What a program writes to standard output, run to its end. */
export function output(command, words) {
  const { status, error, stdout, stderr } = spawnSync(command, words, { encoding: "utf8" });
  if (status !== 0) throw error ?? new Error(`${command} failed: ${stderr}`);
  return stdout;
}
