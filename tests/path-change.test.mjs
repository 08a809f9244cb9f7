/** A call goes on when interfaces of a host go away and come back. Needs root, for the networks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { enter } from "./support/ends.mjs";
import { Internet } from "./support/internet.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

const BEFORE_S = 3;
const STEP_S = 6;
const LONGEST_FREEZE_MS = 1_000;
/** Of a tab that has lost its interface: when it sends over another one is the browser's choice. */
const LONGEST_FREEZE_OF_TAB_MS = 3_500;

/** What happens to the left host in mid-call; media begins over `wired0`. */
const STEPS = [
  ["its own is removed", (internet) => internet.remove("left", "wired0")],
  ["the better one returns", (internet) => internet.add("left", "wired0")],
  ["its own is removed again", (internet) => internet.remove("left", "radio0")],
];

const CALLS = [
  { left: "engine", right: "engine", steps: STEPS, limitsMs: [LONGEST_FREEZE_MS, LONGEST_FREEZE_MS] },
  { left: "engine", right: "tab", steps: STEPS, limitsMs: [LONGEST_FREEZE_MS, LONGEST_FREEZE_MS] },
  { left: "tab", right: "engine", steps: STEPS.slice(0, 1), limitsMs: [LONGEST_FREEZE_MS, LONGEST_FREEZE_OF_TAB_MS] },
];

for (const { left, right, steps, limitsMs } of CALLS) {
  test(`a call of ${left} and ${right} goes on over other interfaces`, { timeout: 90_000 }, async (t) => {
    const scope = new Scope(t);
    const internet = await Internet.up(scope, { serverApart: true });
    const { namespaces } = internet;
    const server = await Server.start(scope, { namespace: namespaces.router, address: internet.address });
    // Media begins on the one that is taken away first; signaling has a way of its own.
    await internet.silence("left", "radio0", true);
    const room = server.room();
    const ends = [
      await enter(scope, left, room, { name: `Left (${left})`, namespace: namespaces.left }),
      await enter(scope, right, room, { name: `Right (${right})`, namespace: namespaces.right }),
    ];
    await Promise.all(ends.map((end) => end.sees()));
    await internet.silence("left", "radio0", false);
    await observe(BEFORE_S * 1000);

    for (const [what, happens] of steps) {
      const watched = ends.map((end) => end.watch(STEP_S));
      await observe(1000);
      await happens(internet);
      const seen = await Promise.all(watched);
      for (const [index, { name }] of ends.entries()) {
        const freezeMs = Math.round(longestGapMs(seen[index].arrivalsMs));
        t.diagnostic(`${what}: ${name}: ${seen[index].count} pictures, longest freeze ${freezeMs} ms`);
        assert.ok(freezeMs <= limitsMs[index], `${what}: ${name} saw nothing for ${freezeMs} ms`);
        assert.ok(seen[index].count >= 10 * (STEP_S - 1), `${what}: ${name} saw ${seen[index].count} pictures`);
      }
    }
    await Promise.all(ends.map((end) => end.leave()));
    for (const end of ends) assert.deepEqual(end.complaints(), []);
  });
}
