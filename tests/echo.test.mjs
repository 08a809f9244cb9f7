/** The echo of what a speaker plays, through a real sound server and a room that is made up, does not come back. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { artefactPath } from "./support/artefacts.mjs";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { percentile } from "./support/picture.mjs";
import { run } from "./support/process.mjs";
import { openRoom } from "./support/room.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";
import { level, readChannels } from "./support/wav.mjs";

const WORDS =
  "Face to face, across the sea, two people meet on a small screen. The quick brown fox jumps over the lazy dog, " +
  "and nobody misses a single word of what the other one says. Can you hear me well?";
const SECONDS = 14;
const SETTLED_SECONDS = 2;
const ENOUGH_DB = 30;
/** A second of the echo that is not between two sentences. */
const AUDIBLE = 0.01;
const OFF = { echo_cancellation: false, noise_suppression: "off", automatic_gain: false, high_pass: false };
/** Alone: the automatic gain would make what is left of the echo louder, as it does with every quiet voice. */
const CANCELLER = { ...OFF, echo_cancellation: true };

test("who speaks does not hear the echo", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const speech = join(scope.folder, "speech.wav");
  await run(scope, "espeak-ng", ["-v", "en-gb", "-s", "150", "-w", speech, WORDS]);
  const without = await call(scope, speech, "without", OFF);
  const processed = await call(scope, speech, "with", CANCELLER);
  const change = lossDb(without.microphone, without.heard);
  const losses = processed.seconds.map(({ microphone, heard }) => lossDb(microphone, heard) - change);
  // The made-up room is a process: where it stalls, the echo moves as in no real room, and seconds are lost.
  const [erle, worst] = [percentile(losses, 0.5), Math.min(...losses)];
  t.diagnostic(`in the microphone ${decibel(without.microphone)} dB; heard by who spoke ${decibel(without.heard)} dB without`);
  t.diagnostic(`the echo loses ${erle.toFixed(1)} dB after ${SETTLED_SECONDS} s (median of seconds), at worst ${worst.toFixed(1)} dB`);
  assert.ok(without.microphone > 0.01, "there is an echo");
  assert.ok(erle >= ENOUGH_DB, `${erle} dB`);
});

/** Levels of the echo in the near microphone and of what the far side hears, once the canceller knows the room. */
async function call(scope, speech, name, settings) {
  const [sounds, server] = await Promise.all([SoundServer.start(scope, name), Server.start(scope)]);
  openRoom(scope, sounds);
  const room = server.room();
  const near = Peer.start(scope, room, {
    name: "Near",
    camera: "none",
    microphone: "default",
    speaker: "default",
    args: ["--commands"],
    env: sounds.env,
  });
  near.command({ type: "set_voice_processing", settings });
  await near.inRoom();
  const far = Peer.start(scope, room, { name: "Far", camera: "none", microphone: speech });
  await Promise.all([near.connected(), far.connected(), near.deviceStarts("microphone"), near.deviceStarts("speaker")]);
  const air = artefactPath(`echo-air-${name}.wav`);
  const stop = sounds.listen(air);
  await observe(SECONDS * 1000);
  await stop();
  await Promise.all([near.leave(), far.leave()]);
  const { channels, rate } = readChannels(air);
  const heard = far.sound();
  const settled = SECONDS - SETTLED_SECONDS;
  const [inAir, atFar] = [last(channels[0], rate, settled), last(heard.samples, heard.rate, settled)];
  return {
    microphone: level(inAir),
    heard: level(atFar),
    seconds: Array.from({ length: settled }, (_, index) => ({
      microphone: level(second(inAir, rate, index)),
      heard: level(second(atFar, heard.rate, index)),
    })).filter(({ microphone }) => microphone > AUDIBLE),
  };
}

function last(samples, rate, seconds) {
  return samples.subarray(Math.max(0, samples.length - seconds * rate));
}

function second(samples, rate, index) {
  return samples.subarray(index * rate, (index + 1) * rate);
}

function lossDb(microphone, heard) {
  return 20 * Math.log10(microphone / Math.max(heard, 1e-6));
}

function decibel(level) {
  return (20 * Math.log10(Math.max(level, 1e-6))).toFixed(1);
}
