/** A microphone and a speaker are pulled out in a call, others stand in for them, and they come back. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";

const NOTICED_WITHIN_MS = 6_000;

test("another device stands in for one that is gone, until it is back", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const sound = await SoundServer.start(scope);
  const room = (await Server.start(scope)).room();
  await sound.plug("headset");
  const ada = Peer.start(scope, room, {
    name: "Ada",
    microphone: "headset-microphone",
    speaker: "headset-speaker",
    env: sound.env,
  });
  const bob = Peer.start(scope, room, { name: "Bob", speaker: "none" });
  await Promise.all([ada.inRoom(), bob.inRoom()]);
  await Promise.all([ada.deviceStarts("microphone"), ada.deviceStarts("speaker")]);
  assert.deepEqual(await sound.used(), { microphone: "headset-microphone", speaker: "headset-speaker" });

  const began = performance.now();
  await sound.unplug("headset");
  for (const kind of ["microphone", "speaker"]) {
    const { stand_in } = await ada.deviceFails(kind, "lost", NOTICED_WITHIN_MS);
    assert.equal(stand_in, true, `another ${kind} stands in`);
  }
  const lostAfter = performance.now() - began;
  await sound.until({ microphone: "microphone", speaker: "speaker" }, NOTICED_WITHIN_MS);

  // A device that comes back was away before.
  const lists = ({ type, devices }) =>
    type === "devices" && devices.microphones.every(({ label }) => label !== "headset-microphone");
  await ada.event(lists, "to see that it is gone", { limitMs: NOTICED_WITHIN_MS });
  const again = performance.now();
  await sound.plug("headset");
  for (const kind of ["microphone", "speaker"]) await ada.deviceReturns(kind, NOTICED_WITHIN_MS);
  const backAfter = performance.now() - again;
  await sound.until({ microphone: "headset-microphone", speaker: "headset-speaker" }, NOTICED_WITHIN_MS);
  t.diagnostic(`told after ${Math.round(lostAfter)} ms, back after ${Math.round(backAfter)} ms`);

  await until(NOTICED_WITHIN_MS, "Bob to get Ada's voice", () => {
    const [peer] = bob.stats().at(-1).peers;
    return peer?.received_audio.bitrate_bps > 0;
  });
  await Promise.all([ada.leave(), bob.leave()]);
});
