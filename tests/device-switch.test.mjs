/** Microphone and speaker are changed in a call: without a new negotiation, and the sound goes on. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { Program } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";
import { TONE_HZ } from "./support/tone.mjs";
import { level, readWav, writeWav } from "./support/wav.mjs";

const SWITCHED_WITHIN_MS = 6_000;
const BETWEEN_MS = 2_000;
const SECONDS = 30;
/** The old microphone is closed before the new one is opened, and PulseAudio takes most of two seconds to start one. */
const LONGEST_GAP_MS = 2_500;
const STEP_MS = 10;
/** Louder than this is the tone. */
const HEARD = 0.02;

test("a microphone and a speaker are changed in a call", { timeout: 90_000 }, async (t) => {
  const scope = new Scope(t);
  const [sounds, server] = await Promise.all([SoundServer.start(scope), Server.start(scope)]);
  for (const headset of ["first", "second"]) await sounds.plug(headset);
  const tone = join(scope.folder, "tone.wav");
  const samples = Float32Array.from({ length: SECONDS * 48_000 }, (_, n) => 0.25 * Math.sin((2 * Math.PI * TONE_HZ * n) / 48_000));
  writeWav(tone, { rate: 48_000, samples });
  for (const sink of ["first-air", "second-air"]) {
    new Program(scope, "paplay", [`--device=${sink}`, tone], { name: `tone into ${sink}`, env: sounds.env });
  }
  const room = server.room();
  const ada = Peer.start(scope, room, {
    name: "Ada",
    camera: "none",
    ...devices("first"),
    args: ["--commands"],
    env: sounds.env,
  });
  const bob = Peer.start(scope, room, { name: "Bob", camera: "none" });
  await Promise.all([ada.connected(), bob.connected(), ada.deviceStarts("microphone"), ada.deviceStarts("speaker")]);
  await sounds.until(devices("first"), SWITCHED_WITHIN_MS);
  await observe(BETWEEN_MS);
  const happened = ada.events.length;

  for (const headset of ["second", "first"]) {
    const { microphone, speaker } = devices(headset);
    ada.command({ type: "select_microphone", microphone });
    ada.command({ type: "select_speaker", speaker });
    await sounds.until(devices(headset), SWITCHED_WITHIN_MS);
    await observe(BETWEEN_MS);
  }
  assert.deepEqual(
    ada.events.slice(happened).map(({ type }) => type).filter((type) => type === "call" || type === "device_failed"),
    [],
    "neither the call nor a device noticed",
  );
  await ada.leave();
  await bob.leave();

  const gaps = silences(bob.sound());
  t.diagnostic(`Bob heard nothing for ${gaps.join(", ")} ms between the first and the last of the tone`);
  assert.ok(gaps.length <= 2 && gaps.every((gap) => gap <= LONGEST_GAP_MS), `${gaps} ms`);
});

function devices(headset) {
  return { microphone: `${headset}-microphone`, speaker: `${headset}-speaker` };
}

/** Lengths of the silences of 50 ms or more in the tone, in milliseconds. */
function silences({ rate, samples }) {
  const length = (rate * STEP_MS) / 1000;
  const heard = Array.from({ length: Math.floor(samples.length / length) }, (_, index) =>
    level(samples.subarray(index * length, (index + 1) * length)) > HEARD ? "x" : ".",
  ).join("");
  const between = heard.slice(heard.indexOf("x"), heard.lastIndexOf("x"));
  return (between.match(/\.{5,}/g) ?? []).map((gap) => gap.length * STEP_MS);
}
