/**
 * Calls over a link whose capacity changes: the cases of RFC 8867 that two machines can have with each other.
 *
 * @typedef {object} Case
 * @property {string} id the RFC's section
 * @property {string} title
 * @property {number} seconds
 * @property {number} calls at a time over the one link
 * @property {boolean} bothWays whether both sides send, or the left one alone
 * @property {boolean} tcp whether a long TCP flow shares the way forward
 * @property {number} mediaFrom second in which the calls begin
 * @property {boolean} startsGood whether the calls begin while the link lets everything pass at once
 * @property {import("../../tests/support/emulated-link.mjs").Rules} forward
 * @property {import("../../tests/support/emulated-link.mjs").Rules} back
 */

/** RFC 8867 section 5, for all cases. */
const PATH = { queue_ms: 300, delay_ms: 50, jitter_ms: 30 };
const WIDE_BPS = 100e6;

/** @returns {Case} */
function rfcCase(id, title, seconds, schedule, { path = {}, back = [[0, WIDE_BPS]], ...more } = {}) {
  return {
    ...{ id, title, seconds, calls: 1, bothWays: false, tcp: false, mediaFrom: 0, startsGood: false },
    forward: { ...PATH, ...path, capacity_bps: schedule },
    back: { ...PATH, ...path, capacity_bps: back },
    ...more,
  };
}

const oneFlow = [[0, 1e6], [40, 2.5e6], [60, 0.6e6], [80, 1e6]];
const twoFlows = [[0, 4e6], [25, 2e6], [50, 3.5e6], [75, 1e6], [100, 2e6]];
const forth = [[0, 2e6], [20, 1e6], [40, 0.5e6], [60, 2e6]];
const back = [[0, 2e6], [35, 0.8e6], [70, 2e6]];
const withTcp = { tcp: true, mediaFrom: 5 };

/** @type {Case[]} */
export const RFC_8867 = [
  rfcCase("5.1", "variable capacity, one flow", 100, oneFlow),
  rfcCase("5.1-far", "variable capacity, 100 ms one way", 100, oneFlow, { path: { delay_ms: 100 } }),
  rfcCase("5.2", "variable capacity, two flows", 125, twoFlows, { calls: 2 }),
  rfcCase("5.3", "congested feedback, one flow each way", 100, forth, { back, bothWays: true }),
  rfcCase("5.6", "a long TCP flow, 300 ms queue", 119, [[0, 2e6]], withTcp),
  rfcCase("5.6-deep", "a long TCP flow, 1000 ms queue", 119, [[0, 2e6]], { ...withTcp, path: { queue_ms: 1000 } }),
];
