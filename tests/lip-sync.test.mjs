/**
 * Picture and sound that belong together are shown and heard together, over a link that jitters.
 *
 * The sender's picture carries the time it was taken, and its sound a pip at each half second: how old each is when it
 * comes out at the far end can be told, and the difference is what they are apart.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EmulatedLink } from "./support/emulated-link.mjs";
import { observe, until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { percentile } from "./support/picture.mjs";
import { heardPips } from "./support/pips.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";
import { keepSounds, recordSound, soundBehindMs } from "./support/tab-sound.mjs";

const SECONDS = 20;
/** The delay of the buffers follows the jitter they have seen. */
const SETTLING_SECONDS = 10;
/** Chromium leaves what is less apart, and mends what is more in steps of 15 ms with seconds between them. */
const IN_STEP_MS = 30;
const LONGEST_STEP_MS = 7_000;
const TAB_SETTLES_MS = 45_000;
const LINK = { delay_ms: 120, swing_ms: 50 };
const MOST_APART_MS = 40;
/** Pictures around a pip that it is compared with. */
const NEAR_MS = 250;
/** A window draws what the peer only records: the engine allows this long for it (`SHOWING_US`). */
const DRAWING_MS = 10;
/** Markers tell the time in tenths of milliseconds, modulo 2^32. */
const MARKER_PERIOD_MS = 2 ** 32 / 10;

test("picture and sound of a peer reach another in step", { timeout: 180_000 }, async (t) => {
  const { scope, link, room, sender } = await begin(t);
  const receiver = Peer.start(scope, room, { name: "Receiver", namespace: link.namespaces.right });
  await receiver.sees();
  await observe((SETTLING_SECONDS + SECONDS) * 1000);
  await Promise.all([sender, receiver].map((peer) => peer.leave()));
  const pictures = receiver.stats().flatMap(({ picture_times_ms: times, picture_ages_ms: ages }) =>
    times.map((shownMs, index) => ({ shownMs, ageMs: ages[index] })),
  );
  const beginMs = pictures[0].shownMs + SETTLING_SECONDS * 1000;
  const pips = heardPips(receiver.sound(), receiver.soundBeganMs()).filter(({ heardMs }) => heardMs >= beginMs);
  checkInStep(t, pips, pictures.map((picture) => ({ ...picture, ageMs: picture.ageMs + DRAWING_MS })));
});

test("picture and sound of a peer reach a tab in step", { timeout: 180_000 }, async (t) => {
  const { scope, link, room, sender } = await begin(t);
  const tab = await Tab.open(scope, room, { name: "Receiver", namespace: link.namespaces.right, init: keepSounds });
  await tab.sees();
  let inStepSince;
  await until(TAB_SETTLES_MS, "the browser to bring both in step", async () => {
    const inStep = Math.abs(await soundBehindMs(tab.page)) < IN_STEP_MS;
    inStepSince = inStep ? (inStepSince ?? performance.now()) : undefined;
    return inStep && performance.now() - inStepSince > LONGEST_STEP_MS;
  });
  const [seen, { sound, beganMs }] = await Promise.all([tab.watch(SECONDS), recordSound(tab.page, SECONDS)]);
  await tab.leave();
  await sender.leave();
  const pips = heardPips(sound, beganMs).map(({ heardMs, ageMs }) => ({ heardMs: heardMs % MARKER_PERIOD_MS, ageMs }));
  checkInStep(t, pips, seen.picture.frames.map(({ arrivedMs, delayMs }) => ({ shownMs: arrivedMs, ageMs: delayMs })));
});

/** A link that jitters, and somebody to be seen and heard over it. */
async function begin(t) {
  const scope = new Scope(t);
  const link = await EmulatedLink.up(scope);
  await link.configure({ forward: LINK, back: LINK });
  const server = await Server.start(scope, { namespace: link.namespaces.left, address: link.addresses.left });
  const room = server.room();
  const sender = Peer.start(scope, room, { name: "Sender", microphone: "pips", namespace: link.namespaces.left });
  await sender.inRoom();
  return { scope, link, room, sender };
}

function checkInStep(t, pips, pictures) {
  const apart = pips.flatMap((pip) => {
    const near = pictures.filter(({ shownMs }) => Math.abs(shownMs - pip.heardMs) < NEAR_MS);
    return near.map((picture) => pip.ageMs - picture.ageMs);
  });
  const [p50, p95] = [percentile(apart, 0.5), percentile(apart.map(Math.abs), 0.95)];
  t.diagnostic(`sound is ${p50.toFixed(1)} ms behind the picture (p50); apart by at most ${p95.toFixed(1)} ms (p95), ${pips.length} pips`);
  t.diagnostic(`ages p50: sound ${percentile(pips.map(({ ageMs }) => ageMs), 0.5).toFixed(1)} ms, pictures ${percentile(pictures.map(({ ageMs }) => ageMs), 0.5).toFixed(1)} ms`);
  assert.ok(pips.length > SECONDS, `${pips.length} pips heard`);
  assert.ok(p95 <= MOST_APART_MS, `picture and sound are ${p95} ms apart`);
}
