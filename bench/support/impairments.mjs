/** One thing that is wrong with a path, at a time. */

/** A path with nothing wrong. */
const GOOD = { queue_ms: 300, delay_ms: 25, capacity_bps: [[0, 2e6]] };
/** Packets in a burst of losses, on average. */
const BURST_LENGTH = 4;

/** @returns {import("./cases.mjs").Case} one call one way, which finds the path good and then so, both ways */
function impaired(id, title, wrong) {
  const path = { ...GOOD, ...wrong };
  const situation = { calls: 1, bothWays: false, tcp: false, mediaFrom: 0, startsGood: true };
  return { id, title, ...situation, seconds: 20, forward: path, back: path };
}

function burst(share) {
  const leave = 1 / BURST_LENGTH;
  return { enter: (share * leave) / (1 - share), leave };
}

const LOSSES = [1, 5, 10, 20, 30];
const SWINGS_MS = [30, 100];
const ROUND_TRIPS_MS = [20, 100, 200, 400, 600];
const RATES_KBPS = [2000, 500, 300, 100];

export const IMPAIRMENTS = [
  ...LOSSES.map((percent) => impaired(`loss-${percent}`, `${percent} % lost, each alone`, { loss: percent / 100 })),
  ...LOSSES.map((percent) => impaired(`burst-${percent}`, `${percent} % lost in bursts`, { burst: burst(percent / 100) })),
  // The mean is the same for both, and more than the swing.
  ...SWINGS_MS.map((ms) => impaired(`jitter-${ms}`, `120 ms give or take ${ms}`, { delay_ms: 120, swing_ms: ms })),
  ...ROUND_TRIPS_MS.map((ms) => impaired(`rtt-${ms}`, `${ms} ms there and back`, { delay_ms: ms / 2 })),
  ...RATES_KBPS.map((kbps) => impaired(`rate-${kbps}`, `${kbps} kbit/s`, { capacity_bps: [[0, kbps * 1000]] })),
];
