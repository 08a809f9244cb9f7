import assert from "node:assert/strict";

/**
 * What a server counts, as it tells Prometheus.
 *
 * @param {string} address where it serves operators
 * @param {string} [prefix] of the names that are wanted
 * @returns {Promise<Array<{ name: string, count: number }>>} `name`: behind `prefix`; each with its labels
 */
export async function scrape(address, prefix = "") {
  const answer = await fetch(`http://${address}/metrics`);
  assert.equal(answer.status, 200);
  const samples = (await answer.text()).split("\n").map(sample).filter((it) => it?.name.startsWith(prefix));
  return samples.map(({ name, ...rest }) => ({ name: name.slice(prefix.length), ...rest }));
}

/** A line of OpenMetrics, its labels beside its value; undefined if it is none of a sample. */
function sample(line) {
  const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  const named = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, text]) => [label, text]);
  return { name, ...Object.fromEntries(named), count: Number(value) };
}
