/** The figures of RFC 8868 section 3, of what a link and the receivers of a case saw. */

/** Of the way's share that counts as having adapted. */
const REACHED = 0.8;

/**
 * Of a span of time, one way. `available` is what the calls could make use of: their fair share of the capacity, but no
 * more than they ask for.
 *
 * @typedef {{ way: "forward" | "back", from: number, to: number, capacityBps: number, usedBps: number,
 *   availableBps: number, utilisation: number, reachedAfterS: number | undefined, queueP50Ms: number,
 *   queueP95Ms: number, queueMaxMs: number, lost: number }} Step `lost`: share of packets, in the queue or after it
 *
 * @typedef {{ utilisation: number, queueP95Ms: number, lost: number, freezes: number, frozenS: number, concealed: number,
 *   framesPerSecond: number, fairness: number, busy: number, steps: Step[] }} Figures
 */

/**
 * @param {import("./cases.mjs").Case} situation
 * @param {import("./network-call.mjs").Observed} observed
 * @param {number} demandBps what a call asks for at most, one way, with all headers
 * @returns {Figures}
 */
export function figures(situation, { seconds, sides, busy }, demandBps) {
  const ways = situation.bothWays ? ["forward", "back"] : ["forward"];
  const steps = ways.flatMap((way) =>
    spans(situation, way).map(([from, to]) => figuresOfStep(situation, seconds, way, from, to, demandBps)),
  );
  const measured = seconds.slice(situation.mediaFrom);
  const receptions = sides.flatMap(({ left, right }) => (situation.bothWays ? [left, right] : [right]));
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => (values.length === 0 ? 0 : sum(values) / values.length);
  const weighted = (field) => sum(steps.map((step) => step[field] * (step.to - step.from)));
  const rates = receptions.map(({ bitrateBps }) => bitrateBps);
  return {
    utilisation: weighted("usedBps") / weighted("availableBps"),
    queueP95Ms: queue(measured, ways).at(0.95),
    lost: lostShare(measured, ways),
    freezes: sum(receptions.map(({ freezes }) => freezes)),
    frozenS: sum(receptions.map(({ frozenS }) => frozenS)),
    // Where no sound came at all, all of it was made up.
    concealed: mean(receptions.map(({ concealed }) => concealed ?? 1)),
    framesPerSecond: mean(receptions.map(({ framesPerSecond }) => framesPerSecond)),
    // Jain's index.
    fairness: sum(rates) ** 2 / (rates.length * sum(rates.map((rate) => rate ** 2))),
    busy,
    steps,
  };
}

/** The spans over which the capacity of a way stays the same, while media flows. */
function spans({ seconds, mediaFrom, ...situation }, way) {
  const changes = situation[way].capacity_bps.map(([at]) => at).filter((at) => at > mediaFrom && at < seconds);
  return [mediaFrom, ...changes].map((from, i) => [from, changes[i] ?? seconds]);
}

function figuresOfStep({ calls, tcp }, seconds, way, from, to, demandBps) {
  const during = seconds.slice(from, to);
  const capacityBps = during[0][way].capacity_bps;
  const availableBps = Math.min(tcp ? capacityBps / 2 : capacityBps, calls * demandBps);
  const used = during.map((second) => second[way].udp_bps);
  const usedBps = used.reduce((sum, value) => sum + value, 0) / used.length;
  const reached = used.findIndex((bps) => bps >= REACHED * availableBps);
  const waits = queue(during, [way]);
  return {
    ...{ way, from, to, capacityBps, usedBps, availableBps, utilisation: usedBps / availableBps },
    reachedAfterS: reached < 0 ? undefined : reached,
    queueP50Ms: waits.at(0.5),
    queueP95Ms: waits.at(0.95),
    queueMaxMs: waits.at(1),
    lost: lostShare(during, [way]),
  };
}

/** How long packets waited; `at` gives the time below which a share of them did. */
function queue(seconds, ways) {
  const counts = new Map();
  let total = 0;
  for (const second of seconds) {
    for (const [ms, count] of ways.flatMap((way) => second[way].queue_ms)) {
      counts.set(ms, (counts.get(ms) ?? 0) + count);
      total += count;
    }
  }
  const ordered = [...counts].sort(([a], [b]) => a - b);
  return {
    at(share) {
      let passed = 0;
      return ordered.find(([, count]) => (passed += count) >= share * total)?.[0] ?? 0;
    },
  };
}

function lostShare(seconds, ways) {
  const sum = (field) => seconds.reduce((total, second) => total + ways.reduce((of, way) => of + second[way][field], 0), 0);
  return (sum("dropped") + sum("lost")) / Math.max(sum("packets") + sum("dropped"), 1);
}
