import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../artifacts", import.meta.url));

/** Where to put something that is worth looking at after a test. */
export function artefactPath(name) {
  mkdirSync(FOLDER, { recursive: true });
  return join(FOLDER, name);
}

/** Keeps a text or bytes. */
export function keep(name, content) {
  writeFileSync(artefactPath(name), content);
}

/**
 * Columns of numbers as text, one line a row.
 *
 * @param {Record<string, unknown>[]} rows with the same keys
 */
export function table(rows) {
  const heads = Object.keys(rows[0] ?? {});
  const cells = [heads, ...rows.map((row) => heads.map((head) => String(row[head] ?? "-")))];
  const widths = heads.map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  return cells.map((line) => `${line.map((cell, column) => cell.padStart(widths[column])).join("  ")}\n`).join("");
}
