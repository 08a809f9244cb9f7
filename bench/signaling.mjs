/**
 * Signaling: our server and one that somebody would write for Bun (`bench/peers/fifo-bun`), alternating in one run, under the
 * same load (`signaling-load`): clients that are idle, that meet strangers, and that set up calls. Beside both, what the sockets
 * alone take (`signaling-floor`), which no server can do without. And what a pairing costs with a thousand and with a million who
 * wait, of ours alone.
 *
 * `cargo xtask bench signaling [--json OUT]`, or `node bench/signaling.mjs` with the programs named as `xtask/src/binaries.rs`
 * does and `npm ci` done in the peer's folder.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SERVER } from "../tests/support/binaries.mjs";
import { Program, run } from "../tests/support/process.mjs";
import { Scope } from "../tests/support/scope.mjs";
import { limit, median, publish, row } from "./support/report.mjs";

const ROUNDS = Number(process.env.VISAVIS_BENCH_ROUNDS ?? 3);
const CLIENTS = Number(process.env.VISAVIS_BENCH_CLIENTS ?? 5000);
const SECONDS = Number(process.env.VISAVIS_BENCH_SECONDS ?? 15);
const JOINS_PER_S = Number(process.env.VISAVIS_BENCH_JOINS ?? 2000);
const MESSAGES_PER_S = Number(process.env.VISAVIS_BENCH_MESSAGES ?? 6000);
/** What either side has open beside its sockets. */
const OTHER_FILES = 200;
/** A load tool that is busier than that has measured itself. */
const MOST_OWN_CPU = 0.8;

const AIMS = { cpu: "<=0.7", latency: "<=1", bytes: 4000, pairing: "<=2" };

const beside = (variable, name) => process.env[variable] ?? join(SERVER, "..", name);
const LOAD = beside("VISAVIS_SIGNALING_LOAD_BIN", "signaling-load");
const FLOOR = beside("VISAVIS_SIGNALING_FLOOR_BIN", "signaling-floor");
const CROWD = beside("VISAVIS_CROWD_BIN", "examples/crowd");
const PEER = fileURLToPath(new URL("peers/fifo-bun/", import.meta.url));

/** Whoever is behind loopback is limited by identity alone, and each client here has its own. */
const SETTINGS = `threads = ${Number(process.env.VISAVIS_BENCH_THREADS ?? 1)}\n[matching]\nenabled = true\n`;

/** @typedef {{ p50_ms: number, p99_ms: number, max_ms: number }} Latency */
/** @typedef {{ seconds: number, server_s: number, own_s: number }} Used */
/**
 * What `signaling-load` says.
 *
 * @typedef {{ idle: { bytes_per_socket: number }, matching: { joins: number, latency: Latency, used: Used },
 *   chatter: { messages: number, latency: Latency, used: Used } }} Measured
 */

const SIDES = {
  ours: (scope) => {
    const file = join(scope.folder, "server.toml");
    writeFileSync(file, SETTINGS);
    return start(scope, [SERVER, "--config", file, "--listen", "127.0.0.1:0"]);
  },
  bun: (scope) => start(scope, [join(PEER, "node_modules/.bin/bun"), "server.ts"]),
  floor: (scope) => start(scope, [FLOOR]),
};

async function start(scope, command) {
  const program = new Program(scope, "prlimit", [`--nofile=${files()}`, ...command], { cwd: PEER });
  const port = await program.line((line) => /^listening on http:\S+:(\d+)$/.exec(line)?.[1], "its address", 10_000);
  return { pid: program.pid, url: `ws://127.0.0.1:${port}/ws` };
}

/** How many files a side may have open; what the system does not allow cannot be measured. */
function files() {
  const needed = CLIENTS + OTHER_FILES;
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  if (hard !== "unlimited" && Number(hard) < needed) {
    throw new Error(`${CLIENTS} clients need ${needed} open files a side, and ${hard} are allowed (ulimit -Hn)`);
  }
  return needed;
}

/** @returns {Promise<Measured>} */
async function measure(name) {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  try {
    const { pid, url } = await SIDES[name](scope);
    const load = ["--url", url, "--server", String(pid), "--clients", String(CLIENTS), "--seconds", String(SECONDS)];
    const rates = ["--joins-per-s", String(JOINS_PER_S), "--messages-per-s", String(MESSAGES_PER_S)];
    const words = [`--nofile=${files()}`, LOAD, ...load, ...rates];
    const measured = JSON.parse(await run(scope, "prlimit", words, { limitMs: 300_000 }));
    for (const phase of ["matching", "chatter"]) {
      const { own_s, seconds } = measured[phase].used;
      if (own_s > MOST_OWN_CPU * seconds) {
        console.error(`${name}, ${phase}: the load tool was busy ${Math.round((100 * own_s) / seconds)} % of the time`);
      }
    }
    return measured;
  } finally {
    for (const ending of endings) await ending();
  }
}

const MEASURES = [
  { name: "memory of an idle socket (B)", of: ({ idle }) => idle.bytes_per_socket, limit: AIMS.bytes },
  { name: "processor per join→match (µs)", of: ({ matching }) => each(matching, matching.joins / 2), aim: AIMS.cpu },
  { name: "join→match, p50 (ms)", of: ({ matching }) => matching.latency.p50_ms, aim: AIMS.latency },
  { name: "join→match, p99 (ms)", of: ({ matching }) => matching.latency.p99_ms, aim: AIMS.latency },
  { name: "processor per message passed on (µs)", of: ({ chatter }) => each(chatter, chatter.messages), aim: AIMS.cpu },
  { name: "message passed on, p99 (ms)", of: ({ chatter }) => chatter.latency.p99_ms, aim: AIMS.latency },
];

/** Microseconds of the server's processor time for each of so many. */
function each({ used }, count) {
  return (used.server_s / count) * 1e6;
}

/** Nanoseconds that a pairing takes, by how many wait. */
async function pairing() {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  try {
    return JSON.parse(await run(scope, CROWD, [], { limitMs: 120_000 }));
  } finally {
    for (const ending of endings) await ending();
  }
}

/** @type {Record<string, Measured[]>} */
const results = { ours: [], bun: [], floor: [] };
const pairings = [];
for (let round = 1; round <= ROUNDS; round += 1) {
  for (const name of Object.keys(SIDES)) results[name].push(await measure(name));
  pairings.push(await pairing());
  console.error(`round ${round} of ${ROUNDS}`);
}

for (const { name, of } of MEASURES) {
  const list = (side) => results[side].map((it) => of(it).toPrecision(3)).join(" ");
  console.log(`${name}: ours ${list("ours")}, Bun ${list("bun")}, sockets alone ${list("floor")}`);
}
for (const [name, measured] of Object.entries(results)) {
  const busy = (phase) => median(measured.map((it) => it[phase].used.own_s / it[phase].used.seconds)).toFixed(2);
  console.log(`load tool beside ${name}: ${busy("matching")} cores while matching, ${busy("chatter")} in chatter`);
}
for (const { name, of } of MEASURES.filter(({ name }) => name.startsWith("processor"))) {
  const [floor, bun] = ["floor", "bun"].map((side) => median(results[side].map(of)));
  console.log(`${name}: sockets alone take ${(floor / bun).toFixed(2)} times what Bun takes`);
}
const waiting = Object.keys(pairings[0]);
const cost = (count) => median(pairings.map((it) => it[count]));
console.log(`pairing: ${waiting.map((count) => `${cost(count)} ns with ${count} waiting`).join(", ")}`);

const rows = MEASURES.flatMap(({ name, of, aim, limit: bound }) => {
  const [ours, bun] = ["ours", "bun"].map((side) => median(results[side].map(of)));
  return [bound === undefined ? row(name, ours, bun, aim) : limit(name, ours, bun, bound)];
});
const [few, many] = [waiting.at(0), waiting.at(-1)];
rows.push(row(`a pairing with ${many} waiting, beside ${few} (ns)`, cost(many), cost(few), AIMS.pairing));
publish("signaling", rows, ["ours", "Bun"]);
