/** A call goes on when a NAT between its ends forgets what it knows. Needs root, for the networks. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { enter } from "./support/ends.mjs";
import { Internet } from "./support/internet.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

const BEFORE_S = 3;
const WATCHED_S = 7;
const REBOUND_AT_S = 1;
const LONGEST_FREEZE_MS = 700;

const CALLS = [
  { behind: "engine", outside: "engine", first: "behind" },
  { behind: "engine", outside: "engine", first: "outside" },
  { behind: "tab", outside: "engine", first: "behind" },
  { behind: "tab", outside: "engine", first: "outside" },
  { behind: "engine", outside: "tab", first: "behind" },
  { behind: "engine", outside: "tab", first: "outside" },
];

for (const { behind, outside, first } of CALLS) {
  const name = `media comes back when the NAT before the ${behind} forgets the ${outside}, ${first} first`;
  test(name, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const internet = await Internet.up(scope, { serverApart: true });
    await internet.translate();
    const { left, right, router } = internet.namespaces;
    const server = await Server.start(scope, { namespace: router, address: internet.address });
    const room = server.room();
    // The second to come offers, and so is the one that nominates (RFC 8445 section 6.1.1).
    const clients = [
      { client: behind, name: `Behind (${behind})`, namespace: left },
      { client: outside, name: `Outside (${outside})`, namespace: right },
    ];
    if (first === "outside") clients.reverse();
    const ends = [];
    for (const { client, ...options } of clients) ends.push(await enter(scope, client, room, options));
    await Promise.all(ends.map((end) => end.sees()));
    await observe(BEFORE_S * 1000);

    const watched = ends.map((end) => end.watch(WATCHED_S));
    await observe(REBOUND_AT_S * 1000);
    await internet.rebind();
    const seen = await Promise.all(watched);
    await Promise.all(ends.map((end) => end.leave()));

    for (const [index, end] of ends.entries()) {
      const { arrivalsMs, count } = seen[index];
      const freezeMs = Math.round(longestGapMs(arrivalsMs));
      t.diagnostic(`${end.name}: ${count} pictures, longest freeze ${freezeMs} ms`);
      assert.ok(freezeMs <= LONGEST_FREEZE_MS, `${end.name} saw nothing for ${freezeMs} ms`);
      assert.ok(count >= 10 * (WATCHED_S - 1), `${end.name} saw ${count} pictures`);
      assert.deepEqual(end.complaints(), []);
    }
  });
}
