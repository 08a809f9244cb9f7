/** A connection to the server breaks in a call: the session goes on over another one, and nobody notices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Relay } from "./support/relay.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const SECONDS = 6;
const LONGEST_GAP_MS = 500;

test("a peer and a tab come back to their session, and the picture goes on", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const relay = await Relay.start(scope, server.origin);
  const link = server.room().replace(server.origin, relay.origin);
  const peer = Peer.start(scope, link, { name: "Peer", record: true, args: ["--commands"] });
  await peer.inRoom();
  const tab = await Tab.open(scope, link, { name: "Tab" });
  await Promise.all([peer.sees(), tab.sees()]);

  const stop = peer.recording.watch();
  const watching = tab.watch(SECONDS);
  await observe(1000);
  const from = peer.program.lines.length;
  relay.cut();
  await peer.event(isState("reconnecting"), "that the server is lost", { from });
  // What is switched meanwhile is heard of as soon as both are back.
  peer.command({ type: "set_microphone", on: false });
  await peer.event(isState("in_room"), "that the server is back", { from });
  await tab.page.getByRole("img", { name: "Peer is muted" }).waitFor();
  const tabSaw = (await watching).picture;
  const peerSaw = stop();
  await tab.leave();
  await peer.event(({ type, event }) => type === "call" && event.type === "participant_left", "that the tab has left", { from });
  await peer.leave();

  for (const [name, seen] of [["the peer", peerSaw], ["the tab", tabSaw]]) {
    const gapMs = Math.round(longestGapMs(seen.arrivalsMs));
    t.diagnostic(`${name}: longest gap between pictures ${gapMs} ms`);
    assert.ok(gapMs <= LONGEST_GAP_MS, `${name} saw nothing for ${gapMs} ms`);
  }
  const events = peer.events.filter(({ type }) => type === "call").map(({ event }) => event);
  assert.equal(events.filter(({ type }) => type === "participant_joined").length, 1);
  const left = events.filter(({ type }) => type === "participant_left");
  assert.deepEqual(left.map(({ reason }) => reason), ["left"]);
});

function isState(wanted) {
  return ({ type, event }) => type === "call" && event.type === "state" && event.state.type === wanted;
}
