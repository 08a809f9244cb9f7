/** Speech from a microphone device to a speaker device. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { artefactPath } from "./support/artefacts.mjs";
import { observe } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { run } from "./support/process.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";
import { compareSpeech } from "./support/speech.mjs";
import { readChannels } from "./support/wav.mjs";

const WORDS =
  "Face to face, across the sea, two people meet on a small screen. The quick brown fox jumps over the lazy dog, " +
  "and nobody misses a single word of what the other one says. Can you hear me well?";
const MIN_CORRELATION = 0.8;
const LONGEST_GAP_MS = 60;
/** Longer than any delay of a call. */
const ECHO_MS = 1_500;

test("speech passes from a microphone to a speaker", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const speech = artefactPath("sound-path-said.wav");
  const recorded = artefactPath("sound-path-said-and-heard.wav");
  await run(scope, "espeak-ng", ["-v", "en-gb", "-s", "150", "-w", speech, WORDS]);
  const [server, devices] = await Promise.all([Server.start(scope), SoundServer.start(scope)]);
  const link = server.room();
  const env = devices.env;
  const speaker = Peer.start(scope, link, { name: "Speaker", camera: "none", microphone: "default", speaker: "none", env });
  const listener = Peer.start(scope, link, { name: "Listener", camera: "none", microphone: "none", speaker: "default", env });
  await Promise.all([
    speaker.deviceStarts("microphone"),
    listener.deviceStarts("speaker"),
    speaker.connected(),
    listener.connected(),
  ]);

  const stop = devices.listen(recorded);
  await devices.speak(speech, 60_000);
  await observe(ECHO_MS);
  await stop();
  await Promise.all([speaker.leave(), listener.leave()]);

  const { rate, channels } = readChannels(recorded);
  const { delayMs, envelope, waveform, longestGapMs } = compareSpeech(...channels, rate);
  const seconds = channels[0].length / rate;
  t.diagnostic(
    `${seconds.toFixed(1)} s, mouth to ear ${delayMs.toFixed(0)} ms, correlation of the loudness ${envelope.toFixed(3)}, ` +
      `of the sound ${waveform.toFixed(3)}, longest gap ${longestGapMs} ms`,
  );
  assert.ok(envelope >= MIN_CORRELATION, `correlation of the loudness: ${envelope}`);
  assert.ok(waveform >= MIN_CORRELATION, `correlation of the sound: ${waveform}`);
  assert.ok(longestGapMs <= LONGEST_GAP_MS, `${longestGapMs} ms are missing`);
});
