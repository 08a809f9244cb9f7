/**
 * Processor time of a relayed packet: our server and Debian's coturn, alternating in one run, with coturn's own client. Each
 * runs on loopback, with the same credentials and the same traffic.
 *
 * `cargo xtask bench turn [--json OUT]`, or `node bench/turn.mjs` with the server named as for the tests; needs `coturn`.
 */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../tests/support/deadline.mjs";
import { Program } from "../tests/support/process.mjs";
import { Scope } from "../tests/support/scope.mjs";
import { relayOf, mint, runClient, startRelay } from "../tests/support/turn.mjs";
import { median, publish, row } from "./support/report.mjs";
import { cpuSeconds, family } from "./support/usage.mjs";

const ROUNDS = Number(process.env.VISAVIS_BENCH_ROUNDS ?? 3);
/** Of each client, one a millisecond as far as the machine can do that. */
const MESSAGES = Number(process.env.VISAVIS_BENCH_MESSAGES ?? 4000);
const CLIENTS = 20;
/** About what a packet of video has. */
const BYTES = 1000;
/** What does not come back in a case says that something else than the relay was measured. */
const MOST_LOST = 0.02;
const MOST_TRIES = 5;
const AIM = "<=1.25";

const SECRET = "a secret of this benchmark, and of no server";
const ADDRESS = "127.0.0.1";

/** `hops`: how often a message that arrives was relayed. */
const CASES = [
  { name: "UDP, a peer that answers", args: (peer) => ["-e", ADDRESS, "-r", String(peer)], hops: 2 },
  { name: "UDP, indications", args: (peer) => ["-s", "-e", ADDRESS, "-r", String(peer)], hops: 2 },
  { name: "UDP, two who are both relayed", args: () => ["-y"], hops: 2 },
  { name: "TCP, a peer that answers", args: (peer) => ["-t", "-e", ADDRESS, "-r", String(peer)], hops: 2 },
];

/** @typedef {{ pid: number, port: number }} Relay */

/** @returns {Promise<Relay>} */
async function startOurs(scope) {
  const plenty = ["allocations_per_user", "allocations_per_address"].map((limit) => `${limit} = 1000`).join("\n");
  const server = await startRelay(scope, {
    settings: `secret = "${SECRET}"\nallow = ["127.0.0.0/8"]`,
    limits: `${plenty}\nbytes_per_s = 1000000000`,
  });
  return { pid: server.program.pid, port: (await relayOf(scope, server)).port };
}

/** @returns {Promise<Relay>} */
async function startCoturn(scope) {
  const port = await freePort();
  const log = join(scope.folder, "coturn.log");
  writeFileSync(log, "");
  const program = new Program(scope, "turnserver", [
    ...["-n", "-L", ADDRESS, "-E", ADDRESS, "-p", String(port), "--realm=visavis"],
    ...["--use-auth-secret", `--static-auth-secret=${SECRET}`, "--allow-loopback-peers"],
    ...["--no-cli", "--no-tls", "--no-dtls", "--no-software-attribute"],
    ...["--log-file", log, "--simple-log", "--pidfile", join(scope.folder, "coturn.pid")],
  ]);
  await listening(port);
  return { pid: program.pid, port };
}

/** The peer that answers, coturn's too. @returns {Promise<number>} its port */
async function startPeer(scope) {
  const port = await freePort();
  new Program(scope, "turnutils_peer", ["-L", ADDRESS, "-p", String(port)]);
  await listening(port);
  return port;
}

async function freePort() {
  const socket = createSocket("udp4");
  socket.bind(0, ADDRESS);
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

/** Waits until somebody has the UDP port; these programs do not say so. */
function listening(port) {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return until(10_000, `something on port ${port}`, () => readFileSync("/proc/net/udp", "utf8").includes(local));
}

/**
 * What is lost by a busy machine was not relayed: such a measurement is taken again.
 *
 * @returns {Promise<number>} microseconds of processor time for each packet that was relayed
 */
async function measure(scope, relay, peer, { name, args, hops }, whose) {
  const load = ["-n", String(MESSAGES), "-m", String(CLIENTS), "-l", String(BYTES), "-z", "1"];
  for (let tries = 1; ; tries += 1) {
    const before = cpuSeconds(family(relay.pid));
    const credentials = mint(SECRET, "owl", Math.floor(Date.now() / 1000) + 86_400);
    const { sent, received, output } = await runClient(scope, { ...credentials, port: relay.port }, [...load, ...args(peer)]);
    const used = cpuSeconds(family(relay.pid)) - before;
    if (sent > 0 && received >= (1 - MOST_LOST) * sent) return (used / (received * hops)) * 1e6;
    console.error(`${name}, ${whose}: ${received} of ${sent} came`);
    if (tries === MOST_TRIES) throw new Error(output.slice(-1000));
  }
}

const endings = [];
const scope = new Scope({ after: (ending) => endings.push(ending) });
try {
  const peer = await startPeer(scope);
  const relays = { ours: await startOurs(scope), coturn: await startCoturn(scope) };
  /** Microseconds, by case and relay. */
  const results = new Map(CASES.map(({ name }) => [name, { ours: [], coturn: [] }]));
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const situation of CASES) {
      for (const [name, relay] of Object.entries(relays)) {
        results.get(situation.name)[name].push(await measure(scope, relay, peer, situation, name));
      }
    }
    console.error(`round ${round} of ${ROUNDS}`);
  }
  for (const [name, { ours, coturn }] of results) {
    const list = (values) => values.map((value) => value.toFixed(2)).join(" ");
    console.log(`${name}: ours ${list(ours)}, coturn ${list(coturn)} (µs a packet)`);
  }
  const rows = [...results].map(([name, { ours, coturn }]) =>
    row(`${name}: processor a packet (µs)`, median(ours), median(coturn), AIM),
  );
  publish("turn", rows, ["ours", "coturn"]);
} finally {
  for (const ending of endings) await ending();
}
