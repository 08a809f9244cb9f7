/**
 * A call goes on when the interface is taken away that the connection to the server uses as well: the session is resumed
 * over the other one. Needs root, for the networks.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Internet } from "./support/internet.mjs";
import { Peer } from "./support/peer.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";

const BEFORE_S = 3;
const AFTER_S = 6;
const LONGEST_FREEZE_MS = 1_000;

test("media and session move to another interface together", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const internet = await Internet.up(scope);
  const { left, right, router } = internet.namespaces;
  const server = await Server.start(scope, { namespace: router, address: internet.address });
  // Media begins on the interface that is taken away.
  await internet.silence("left", "radio0", true);
  const room = server.room();
  const ada = Peer.start(scope, room, { name: "Ada", record: true, namespace: left });
  await ada.inRoom();
  const bob = Peer.start(scope, room, { name: "Bob", record: true, namespace: right });
  await Promise.all([ada, bob].map((peer) => peer.sees()));
  await internet.silence("left", "radio0", false);
  await observe(BEFORE_S * 1000);

  const watched = [ada, bob].map(({ recording }) => recording.watch());
  await observe(1000);
  const from = ada.program.lines.length;
  await internet.remove("left", "wired0");
  const isState = (event, type) => event.type === "call" && event.event.type === "state" && event.event.state.type === type;
  await ada.event((event) => isState(event, "reconnecting"), "that the server is lost", { from });
  await ada.event((event) => isState(event, "in_room"), "that it is back", { from });
  await observe(AFTER_S * 1000);
  const seen = watched.map((stop) => stop());
  await Promise.all([ada.leave(), bob.leave()]);

  for (const [index, { program, events }] of [ada, bob].entries()) {
    const freezeMs = Math.round(longestGapMs(seen[index].arrivalsMs));
    t.diagnostic(`${program.name}: ${seen[index].count} pictures, longest freeze ${freezeMs} ms`);
    assert.ok(freezeMs <= LONGEST_FREEZE_MS, `${program.name} saw nothing for ${freezeMs} ms`);
    assert.ok(seen[index].count >= 10 * (AFTER_S - 1), `${program.name} saw ${seen[index].count} pictures`);
    const joined = events.filter((event) => event.type === "call" && event.event.type === "participant_joined");
    assert.equal(joined.length, 1, `${program.name} met somebody new`);
  }
});
