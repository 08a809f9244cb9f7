/**
 * How many strangers three nodes bring together in a second through a real Redis, and whether that costs more when many others
 * wait. The nodes are threads of one process, each with a broker as a server has it; Redis is Debian's.
 *
 * `cargo xtask bench pairing [--json OUT]`, or `node bench/pairing.mjs` with `VISAVIS_PAIRING_BIN` naming
 * `server/examples/pairing.rs`, built for release; needs `redis-server`.
 */

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { SERVER } from "../tests/support/binaries.mjs";
import { until } from "../tests/support/deadline.mjs";
import { Program } from "../tests/support/process.mjs";
import { Scope } from "../tests/support/scope.mjs";
import { median, publish, row } from "./support/report.mjs";
import { cpuSeconds, family } from "./support/usage.mjs";

const ROUNDS = Number(process.env.VISAVIS_BENCH_ROUNDS ?? 3);
const SECONDS = Number(process.env.VISAVIS_BENCH_SECONDS ?? 5);
const NODES = 3;
/** Pairs in a second that are wanted. */
const WANTED = 20_000;
const [FEW, MANY] = [1_000, 1_000_000];
/** The cost of a pair may differ by so much. */
const FLAT = "<=1.3";
const BEGIN_LIMIT_MS = 10_000;
const RUN_LIMIT_MS = 5 * 60_000;

/** @returns {Promise<{ pairs: number, redisMicroseconds: number }>} in a second, and of Redis for a pair */
async function measure(program, waiting) {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  try {
    const socket = join(scope.folder, "redis.sock");
    const settings = ["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", socket];
    const redis = new Program(scope, "redis-server", settings);
    await until(BEGIN_LIMIT_MS, "Redis to begin", () => existsSync(socket));
    const driver = new Program(scope, program, [`unix://${socket}`, String(NODES), String(waiting), String(SECONDS)]);
    await driver.line((line) => line === "all wait", "all to wait", RUN_LIMIT_MS);
    const before = cpuSeconds(family(redis.pid));
    const pairs = Number(await driver.line((line) => /^\d+$/.test(line) && line, "a figure", RUN_LIMIT_MS));
    const cpu = cpuSeconds(family(redis.pid)) - before;
    return { pairs, redisMicroseconds: (cpu / (pairs * SECONDS)) * 1e6 };
  } finally {
    for (const ending of endings) await ending();
  }
}

const program = process.env.VISAVIS_PAIRING_BIN ?? join(dirname(SERVER), "examples/pairing");
const rounds = { few: [], many: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  rounds.few.push(await measure(program, FEW));
  rounds.many.push(await measure(program, MANY));
}
const of = (which, figure) => median(rounds[which].map((result) => result[figure]));
publish(
  "pairing",
  [
    row(`pairs a second, ${NODES} nodes, ${FEW} waiting`, of("few", "pairs"), WANTED, ">=1"),
    row(`pairs a second, ${NODES} nodes, ${MANY} waiting`, of("many", "pairs"), WANTED, ">=1"),
    row(
      `Redis µs a pair, ${MANY} waiting beside ${FEW}`,
      of("many", "redisMicroseconds"),
      of("few", "redisMicroseconds"),
      FLAT,
    ),
  ],
  ["ours", "wanted, or with few"],
);
