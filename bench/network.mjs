/**
 * Calls over a link whose capacity changes (RFC 8867): engine to engine, engine to Chromium and, as the reference,
 * Chromium to Chromium, in turn, case by case. Needs root, for the link.
 *
 * `cargo xtask bench network [--json OUT]`, or `node bench/network.mjs` with the programs named as for the tests.
 * For a part of it: VISAVIS_BENCH_CASES=5.1,5.3, VISAVIS_BENCH_PAIRS=engine-engine,chromium-chromium, and what else
 * `support/alternating.mjs` reads. Traces are kept in tests/artifacts.
 */

import { keep, table } from "../tests/support/artefacts.mjs";
import { Alternating, DEMAND_BPS } from "./support/alternating.mjs";
import { RFC_8867 } from "./support/cases.mjs";
import { figures } from "./support/figures.mjs";
import { publish } from "./support/report.mjs";

/** What is compared with Chromium. */
const MEASURES = [
  { name: "utilisation", of: ({ utilisation }) => utilisation, aim: ">=1.05" },
  { name: "queue p95 (ms)", of: ({ queueP95Ms }) => queueP95Ms, aim: "<=0.7" },
  { name: "freezes", of: ({ freezes }) => freezes, aim: "<=0.5" },
  { name: "frozen (s)", of: ({ frozenS }) => frozenS, aim: "<=0.5" },
  { name: "concealed (%)", of: ({ concealed }) => 100 * concealed, aim: "<=0.5" },
];

const runs = new Alternating(RFC_8867);
await runs.run((situation, pair, observed, round) => {
  keep(`network-${situation.id}-${pair}-${round}.txt`, table(trace(situation, observed)));
  const found = figures(situation, observed, DEMAND_BPS);
  show(situation, pair, found);
  return found;
});
publish("network", runs.rows(MEASURES));

function show({ id, title, calls, bothWays }, pair, found) {
  const kbps = (bps) => Math.round(bps / 1000);
  const share = (value) => value.toFixed(2);
  const percent = (value) => `${(100 * value).toFixed(2)} %`;
  console.log(`\n${id} ${title}, ${pair}`);
  console.log(
    table(
      found.steps.map((step) => ({
        ...(bothWays && { way: step.way }),
        seconds: `${step.from}-${step.to}`,
        "capacity kbit/s": kbps(step.capacityBps),
        "used kbit/s": kbps(step.usedBps),
        utilisation: share(step.utilisation),
        "80 % after s": step.reachedAfterS ?? "never",
        "queue p50 ms": step.queueP50Ms,
        "p95 ms": step.queueP95Ms,
        "max ms": step.queueMaxMs,
        lost: percent(step.lost),
      })),
    ).trimEnd(),
  );
  console.log(
    `utilisation ${share(found.utilisation)}, queue p95 ${found.queueP95Ms} ms, lost ${percent(found.lost)},`,
    `${found.freezes} freezes of ${found.frozenS.toFixed(1)} s, concealed ${percent(found.concealed)},`,
    `${found.framesPerSecond.toFixed(1)} frames/s${calls > 1 ? `, fairness ${share(found.fairness)}` : ""};`,
    `machine busy ${Math.round(100 * found.busy)} %`,
  );
}

/** What the link, the senders and the receivers saw, second by second. */
function trace({ mediaFrom, bothWays }, { seconds, sides }) {
  return seconds.map(({ second, ...link }) => {
    const line = { second };
    for (const way of bothWays ? ["forward", "back"] : ["forward"]) {
      const { capacity_bps, udp_bps, other_bps, queue_p95_ms, dropped, lost } = link[way];
      Object.assign(line, {
        [`${way} capacity`]: capacity_bps,
        [`${way} media`]: udp_bps,
        [`${way} other`]: other_bps,
        [`${way} queue p95`]: queue_p95_ms ?? "-",
        [`${way} dropped`]: dropped,
        [`${way} lost`]: lost,
      });
      for (const [index, { left, right }] of sides.entries()) {
        const [sender, receiver] = way === "forward" ? [left, right] : [right, left];
        const sent = sender.seconds[second - mediaFrom];
        const call = sides.length > 1 ? `${way} ${index}` : way;
        Object.assign(line, {
          [`${call} estimate`]: sent && Math.round(sent.estimateBps),
          [`${call} target`]: sent && Math.round(sent.targetBps),
          [`${call} height`]: sent?.height,
          [`${call} rtt`]: sent && Math.round(sent.rttMs),
          [`${call} frames`]: receiver.seconds[second - mediaFrom] && Math.round(receiver.seconds[second - mediaFrom].frames),
        });
      }
    }
    return line;
  });
}
