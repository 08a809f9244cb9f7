/** Two headless peers see and hear each other. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { checkTone } from "./support/tone.mjs";

const SECONDS = 30;

test("two headless peers see and hear each other", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const ada = Peer.start(scope, link, { name: "Ada", record: true });
  await ada.inRoom();
  const bob = Peer.start(scope, link, { name: "Bob", record: true });
  await Promise.all([ada, bob].map((peer) => peer.sees()));

  const watched = [ada, bob].map((peer) => peer.recording.watch());
  await observe(SECONDS * 1000);
  const [adaSaw, bobSaw] = watched.map((stop) => stop());
  await Promise.all([ada.leave(), bob.leave()]);

  checkPicture(t, "Ada", adaSaw, { seconds: SECONDS });
  checkPicture(t, "Bob", bobSaw, { seconds: SECONDS });
  for (const peer of [ada, bob]) {
    checkTone(t, peer.program.name, peer.sound(), { seconds: SECONDS });
    const { milestones } = peer.stats().at(-1);
    assert.ok(milestones.first_frame_ms >= milestones.peer_present_ms, "no frame comes before somebody is there");
    const waited = milestones.first_frame_ms - milestones.peer_present_ms;
    t.diagnostic(`${peer.program.name}: first frame ${waited} ms after both were there`);
  }
});
