import { writeFileSync } from "node:fs";
import { cpus } from "node:os";

/** The p-th percentile, 0 to 100, of a list of numbers. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))];
}

/** The middle one of a list of numbers. */
export function median(values) {
  return percentile(values, 50);
}

/** @typedef {{ name: string, ours: number, peer: number, ratio: number | null, aim: string, holds: boolean }} Row */

/**
 * One comparison: ours over the peer's. Where the peer has nothing there is no ratio; nothing of ours holds against it.
 *
 * @param {string} name with its unit
 * @param {string} aim such as `<=0.7`
 * @returns {Row}
 */
export function row(name, ours, peer, aim) {
  const [, relation, bound] = /^(<=|>=)(.+)$/.exec(aim);
  const holds = relation === "<=" ? ours <= bound * peer : ours >= bound * peer;
  return { name, ours: round(ours), peer: round(peer), ratio: peer === 0 ? null : round(ours / peer), aim, holds };
}

/**
 * One comparison where ours is held to a bound of its own, whatever the peer has.
 *
 * @param {string} name with its unit
 * @param {number} bound what ours may have at most, in the same unit
 * @returns {Row}
 */
export function limit(name, ours, peer, bound) {
  const { ratio } = row(name, ours, peer, "<=1");
  return { name, ours: round(ours), peer: round(peer), ratio, aim: `<=${bound} alone`, holds: ours <= bound };
}

/**
 * Prints the rows as a table, and writes them where the command line says.
 *
 * @param {string} bench
 * @param {Row[]} rows
 * @param {[string, string]} [compared] what is compared with what
 */
export function publish(bench, rows, compared = ["ours", "Chromium"]) {
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Linux`;
  console.log(`\n${bench}, on ${machine}\n`);
  const line = (cells) => `| ${cells.join(" | ")} |`;
  console.log(line(["measure", ...compared, "ratio", "aim", "holds"]));
  console.log(line(["---", "---", "---", "---", "---", "---"]));
  for (const { name, ours, peer, ratio, aim, holds } of rows) {
    console.log(line([name, ours, peer, ratio ?? "-", aim.replace("<=", "≤ ").replace(">=", "≥ "), holds ? "yes" : "no"]));
  }
  const option = process.argv.indexOf("--json");
  if (option > 0) writeFileSync(process.argv[option + 1], `${JSON.stringify({ bench, machine, rows }, null, 2)}\n`);
}

function round(value) {
  return Number(value.toPrecision(3));
}
