/** A call outlives its server: that is killed or ended and started anew, pictures go on, and everybody is back soon. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { longestGapMs } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";

const SECONDS = 8;
const BEFORE_MS = 2000;
const LONGEST_GAP_MS = 500;
const BACK_MS = 3000;
/** ICE takes seconds to be sure that nothing gets through any more (RFC 7675 section 5.1). */
const RELAYED_BACK_MS = 12_000;
const AFTER_S = 4;
const PILL = { away: "Connected. Reaching the server again…", good: "Connected" };

/**
 * One end of a call that may lose its server; what it waits for is what comes after the watching has begun.
 *
 * @typedef {{ name: string, sees: () => Promise<unknown>, watch: (seconds: number) => Promise<import("./support/y4m.mjs").Seen>,
 *   lost: () => Promise<unknown>, back: () => Promise<unknown>, mute: () => Promise<unknown>,
 *   hearsMute: (other: string) => Promise<unknown>, leave: () => Promise<unknown>, isAlone: () => Promise<unknown>,
 *   next: () => Promise<unknown>, meets: (other: string) => Promise<unknown>, checkCalm: () => void }} End `checkCalm`: it was
 *   told of nothing but the server
 */

/** @returns {End} */
function peerEnd(scope, link, name) {
  const peer = Peer.start(scope, link, { name, record: true, args: ["--commands"] });
  let from = 0;
  const call = (test, what) => peer.event(({ type, event }) => type === "call" && test(event), what, { from });
  const state = (wanted) => call((event) => event.type === "state" && event.state.type === wanted, `to be ${wanted}`);
  return {
    name,
    sees: () => peer.sees(),
    watch: async (seconds) => {
      from = peer.program.lines.length;
      const stop = peer.recording.watch();
      await observe(seconds * 1000);
      return stop();
    },
    lost: () => state("reconnecting"),
    back: () => state("in_room"),
    mute: async () => peer.command({ type: "set_microphone", on: false }),
    hearsMute: () => call((event) => event.type === "media" && !event.media.microphone, "that the other is muted"),
    leave: () => peer.leave(),
    isAlone: () => call((event) => event.type === "participant_left" && event.reason === "left", "that the other has left"),
    next: async () => peer.command({ type: "next" }),
    meets: (other) =>
      call((event) => event.type === "participant_joined" && event.participant.name === other, `to meet ${other}`),
    checkCalm: () => {
      const events = peer.events.filter(({ type }) => type === "call").map(({ event }) => event);
      const joined = events.filter(({ type }) => type === "participant_joined");
      assert.equal(joined.length, 1, `${name}: the other came once`);
      const paths = events.filter(({ type }) => type === "peer").map((event) => event.state);
      assert.deepEqual(paths, ["connected"], `${name}: nothing happened to the path`);
    },
  };
}

/** @returns {Promise<End>} */
async function tabEnd(scope, link, name) {
  const tab = await Tab.open(scope, link, { name });
  const { page } = tab;
  return {
    name,
    sees: () => tab.sees(),
    watch: async (seconds) => (await tab.watch(seconds)).picture,
    lost: () => page.getByText(PILL.away).waitFor(),
    back: () => page.getByText(PILL.good, { exact: true }).waitFor(),
    mute: () => page.getByRole("button", { name: "Microphone" }).click(),
    hearsMute: (other) => page.getByRole("img", { name: `${other} is muted` }).waitFor(),
    leave: () => tab.leave(),
    isAlone: () => page.waitForFunction(() => window.visavis.streams().every(({ type }) => type === "own")),
    next: () => page.getByRole("button", { name: "Next" }).click(),
    meets: (other) => page.getByRole("figure", { name: other }).waitFor(),
    checkCalm: () => undefined,
  };
}

function enter(scope, client, link, name) {
  return client === "tab" ? tabEnd(scope, link, name) : peerEnd(scope, link, name);
}

/** Ends the server in the call of these two and starts it anew; both see each other all the time, and are back soon. */
async function restart(t, server, signal, ends) {
  const watching = ends.map((end) => end.watch(SECONDS));
  await observe(BEFORE_MS);
  const lost = ends.map((end) => end.lost());
  if (signal === "SIGKILL") await server.program.kill();
  else await server.program.end();
  await Promise.all(lost);
  await server.startAgain();
  const up = performance.now();
  await Promise.all(
    ends.map(async (end) => {
      await end.back();
      const backMs = Math.round(performance.now() - up);
      t.diagnostic(`${end.name} is back ${backMs} ms after the server`);
      assert.ok(backMs <= BACK_MS, `${end.name} was back after ${backMs} ms`);
    }),
  );
  const seen = await Promise.all(watching);
  for (const [index, { name }] of ends.entries()) {
    const { arrivalsMs } = seen[index];
    const killed = arrivalsMs.findIndex((at) => at - arrivalsMs[0] > BEFORE_MS);
    const [before, after] = [arrivalsMs.slice(0, killed), arrivalsMs.slice(killed - 1)].map(longestGapMs).map(Math.round);
    t.diagnostic(`${name}: longest gap between pictures ${before} ms before, ${after} ms from then on`);
    assert.ok(after <= LONGEST_GAP_MS, `${name} saw nothing for ${after} ms`);
  }
}

for (const [first, second, signal] of [
  ["engine", "engine", "SIGKILL"],
  ["engine", "tab", "SIGKILL"],
  ["tab", "tab", "SIGKILL"],
  ["engine", "tab", "SIGTERM"],
]) {
  test(`${first} and ${second} go on when the server has had ${signal}`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const server = await Server.start(scope);
    const link = server.room();
    const ada = await enter(scope, first, link, "Ada");
    const bob = await enter(scope, second, link, "Bob");
    const ends = [ada, bob];
    await Promise.all(ends.map((end) => end.sees()));
    await restart(t, server, signal, ends);

    await ada.mute();
    await bob.hearsMute("Ada");
    for (const end of ends) end.checkCalm();
    await bob.leave();
    await ada.isAlone();
    await ada.leave();
  });
}

for (const [first, second] of [
  ["engine", "engine"],
  ["engine", "tab"],
]) {
  // The relay is in the server: what it passed on is lost with it, and the call has to find its way anew.
  test(`${first} and ${second}, relayed by the server, see each other again when it was killed`, { timeout: 60_000 }, async (t) => {
    const scope = new Scope(t);
    const file = join(scope.folder, "relay-only.toml");
    writeFileSync(file, '[ice]\nmode = "relay"\n[turn]\nenabled = true\nlisten = "127.0.0.1:0"\n');
    const server = await Server.start(scope, { args: ["--config", file] });
    const link = server.room();
    const ends = [await enter(scope, first, link, "Ada"), await enter(scope, second, link, "Bob")];
    await Promise.all(ends.map((end) => end.sees()));
    const watching = ends[0].watch((BEFORE_MS + RELAYED_BACK_MS) / 1000);
    await observe(BEFORE_MS);
    await server.program.kill();
    await server.startAgain();
    const { arrivalsMs } = await watching;
    assert.ok(longestGapMs(arrivalsMs) > LONGEST_GAP_MS, "media went over the server");
    // The tab may have another connection by then, and so other tracks.
    const seen = await Promise.all(ends.map((end) => end.watch(AFTER_S)));
    for (const [index, { name }] of ends.entries()) {
      const { length } = seen[index].arrivalsMs;
      assert.ok(length >= 14 * AFTER_S, `${name} saw ${length} pictures`);
    }
  });
}

test("strangers go on when the server was killed, and find others then", { timeout: 60_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope, { args: ["--dev"] });
  const link = `${server.origin}/meet`;
  const ada = await enter(scope, "tab", link, "Ada");
  const bob = await enter(scope, "engine", link, "Bob");
  const ends = [ada, bob];
  await Promise.all(ends.map((end) => end.sees()));
  await restart(t, server, "SIGKILL", ends);
  for (const end of ends) end.checkCalm();

  const cat = await enter(scope, "tab", link, "Cat");
  await ada.next();
  await bob.isAlone();
  await ada.meets("Cat");
  await cat.meets("Ada");
});
