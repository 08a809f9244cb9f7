/**
 * A call as the native engine, the desktop app and Chromium run it, alternating in one run on one machine.
 *
 * `cargo xtask bench call [--json OUT]`, or `node bench/call.mjs` with the programs named as for the tests.
 */

import { Scope } from "../tests/support/scope.mjs";
import { Server } from "../tests/support/server.mjs";
import { compareEncoders } from "./support/encoder.mjs";
import { percentile, publish, row } from "./support/report.mjs";
import { app, peer, tab } from "./support/sides.mjs";

const CALLS = Number(process.env.VISAVIS_BENCH_CALLS ?? 10);
const SETTLE_MS = 2_000;
const USE_SECONDS = 5;
const AGE_SECONDS = 4;

/** Who waits in the room, and who comes. */
const PAIRS = [
  { name: "peer and peer", sides: [peer, peer] },
  { name: "peer and Chromium", sides: [tab, peer] },
  { name: "Chromium and Chromium", sides: [tab, tab] },
  { name: "app and peer", sides: [peer, app] },
];

/** What was measured of one kind of side in one kind of pair. */
const samples = new Map();

function sample(pair, kind) {
  const key = `${pair}: ${kind}`;
  if (!samples.has(key)) samples.set(key, { firstFrame: [], decoded: [], presented: [], cpu: [], memory: [] });
  return samples.get(key);
}

async function call({ name, sides: kinds }) {
  const endings = [];
  const scope = new Scope({ after: (ending) => endings.push(ending) });
  try {
    const link = (await Server.start(scope)).room();
    const sides = [];
    for (const open of kinds) {
      const side = await open(scope, link);
      await side.inRoom();
      sides.push(side);
    }
    await Promise.all(sides.map((side) => side.sees()));
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const used = await Promise.all(sides.map((side) => side.use(USE_SECONDS)));
    const ages = await Promise.all(sides.map((side) => side.ages(AGE_SECONDS)));
    for (const [index, side] of sides.entries()) {
      const into = sample(name, kinds[index].name);
      into.firstFrame.push(await side.firstFrameMs());
      into.decoded.push(...ages[index].decoded);
      into.presented.push(...ages[index].presented);
      into.cpu.push(used[index].cpu);
      into.memory.push(used[index].peakBytes / 1e6);
    }
  } finally {
    for (const ending of endings) await ending();
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

for (let round = 1; round <= CALLS; round += 1) {
  for (const pair of PAIRS) await call(pair);
  console.error(`round ${round} of ${CALLS}`);
}

for (const [key, { firstFrame, decoded, presented, cpu, memory }] of samples) {
  const spread = (values) => (values.length === 0 ? "-" : `${percentile(values, 50).toFixed(1)} / ${percentile(values, 95).toFixed(1)}`);
  console.log(
    `${key}: first frame ${spread(firstFrame)} ms, decoded after ${spread(decoded)} ms, shown after ${spread(presented)} ms,`,
    `${mean(cpu).toFixed(3)} cores, ${Math.max(...memory).toFixed(0)} MB (p50 / p95)`,
  );
}

const chromium = sample("Chromium and Chromium", "tab");
const engine = sample("peer and peer", "peer");
const mixed = { peer: sample("peer and Chromium", "peer"), tab: sample("peer and Chromium", "tab") };
const desktop = sample("app and peer", "app");
const encoder = await compareEncoders();

const rows = [];
for (const p of [50, 95]) {
  const both = (name, ours, theirs, aim) => rows.push(row(`${name} p${p} (ms)`, percentile(ours, p), percentile(theirs, p), aim));
  both("first frame, peer and peer,", engine.firstFrame, chromium.firstFrame, "<=0.7");
  both("first frame, peer and Chromium,", [...mixed.peer.firstFrame, ...mixed.tab.firstFrame], chromium.firstFrame, "<=0.7");
  both("first frame, app,", desktop.firstFrame, chromium.firstFrame, "<=0.7");
  both("camera to decoded, peer and peer,", engine.decoded, chromium.decoded, "<=0.7");
  both("camera to decoded, peer from Chromium,", mixed.peer.decoded, chromium.decoded, "<=0.7");
  both("camera to decoded, Chromium from peer,", mixed.tab.decoded, chromium.decoded, "<=0.7");
  both("camera to window, app,", desktop.presented, chromium.presented, "<=0.8");
}
rows.push(
  row("processor, peer (cores)", mean(engine.cpu), mean(chromium.cpu), "<=0.35"),
  row("processor, app (cores)", mean(desktop.cpu), mean(chromium.cpu), "<=0.6"),
  row("memory, peer (MB)", Math.max(...engine.memory), Math.max(...chromium.memory), "<=0.2"),
  row("memory, app (MB)", Math.max(...desktop.memory), Math.max(...chromium.memory), "<=0.6"),
  row("encoder against vpxenc (s)", encoder.ours, encoder.vpxenc, "<=1.05"),
);
publish("call", rows);
