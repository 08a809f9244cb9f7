/** A headless peer and a browser tab see and hear each other; the tab through its own camera and microphone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Peer } from "./support/peer.mjs";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";
import { beeps, checkTone } from "./support/tone.mjs";
import { writeWav } from "./support/wav.mjs";
import { writeClip } from "./support/y4m.mjs";

const SECONDS = 30;
const CLIP = { width: 640, height: 360, framesPerSecond: 15, frames: 150 };

test("a headless peer and a browser tab see and hear each other", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const video = join(scope.folder, "camera.y4m");
  const sound = join(scope.folder, "microphone.wav");
  writeClip(video, CLIP);
  writeWav(sound, beeps({ seconds: 10, onOffSeconds: 1 }));

  const server = await Server.start(scope);
  const link = server.room();
  const peer = Peer.start(scope, link, { name: "Peer", record: true });
  await peer.inRoom();
  const tab = await Tab.open(scope, link, { name: "Tab", camera: "default", microphone: "default", join: false, video, sound });
  await tab.join();
  await Promise.all([peer.sees(), tab.sees()]);

  const stop = peer.recording.watch();
  const tabSaw = await tab.watch(SECONDS);
  const peerSaw = stop();
  const shown = await tab.shownSeconds();
  await tab.screenshot("peer-tab.png");
  const { milestones } = await tab.stats();
  await peer.leave();

  assert.ok(shown.length === 2 && shown.every((seconds) => seconds >= SECONDS - 1), `pictures are shown for ${shown} s`);
  checkPicture(t, "the tab", tabSaw.picture, { seconds: SECONDS });
  checkPicture(t, "the peer", peerSaw, { seconds: SECONDS, clipFrames: CLIP.frames });
  t.diagnostic(`the tab hears the tone in ${(100 * tabSaw.tone).toFixed(1)} % of the time`);
  assert.ok(tabSaw.tone >= 0.95, `the tab hears the tone in ${tabSaw.tone} of the time`);
  checkTone(t, "the peer", peer.sound(), { seconds: SECONDS, onShare: 0.5 });
  t.diagnostic(`first frame in the tab ${milestones.first_frame_ms - milestones.peer_present_ms} ms after both were there`);
  assert.deepEqual(tab.complaints, []);
});
