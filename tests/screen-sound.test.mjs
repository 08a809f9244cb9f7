/**
 * A screen is shared with what the computer plays, but for the call: through a real sound server, where another program
 * plays 1000 Hz and the call itself the far side's 440 Hz.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { artefactPath } from "./support/artefacts.mjs";
import { observe, until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";
import { Tab } from "./support/tab.mjs";
import { steadyTone, strengthDb, TONE_HZ } from "./support/tone.mjs";
import { level, readChannels, writeWav } from "./support/wav.mjs";
import { DesktopWindow } from "./support/window.mjs";

const PLAYED_HZ = 1000;
const SECONDS = 6;
/** Until jitter buffers have found their depth. */
const SETTLING_MS = 1_500;
const QUIET_SECONDS = 2;
const ENOUGH_DB = 40;
/** Softer than this is silence: -60 dB of full scale. */
const SILENCE = 0.001;
const AUDIBLE_DB = -30;
const LIMIT_MS = 10_000;

test("the others hear what this computer plays, and not themselves", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const [server, sounds] = await Promise.all([Server.start(scope), SoundServer.start(scope)]);
  const track = join(scope.folder, "music.wav");
  writeWav(track, steadyTone({ hz: PLAYED_HZ, seconds: 100 }));
  const link = server.room();
  const far = Peer.start(scope, link, { name: "Far", camera: "none", recordScreen: true });
  await far.inRoom();
  const near = startSharer(scope, link, sounds, "default");
  await Promise.all([near.connected(), near.deviceStarts("speaker"), near.sharesSound(true), far.seesScreen()]);

  // A program that begins to play meanwhile, a stop, and a second share.
  const stop = sounds.play(track);
  const air = artefactPath("screen-sound-air.wav");
  const stopListening = sounds.listen(air);
  const first = await hear(far);
  await stopListening();
  checkShared(t, "the peer", first);
  const { channels, rate } = readChannels(air);
  const [music, voice] = strengths({ rate, samples: channels[1] });
  t.diagnostic(`the computer plays ${PLAYED_HZ} Hz at ${music.toFixed(1)} dB, and the far voice at ${voice.toFixed(1)} dB`);
  assert.ok(voice > AUDIBLE_DB && music > AUDIBLE_DB, "what is to be left out is played as well");
  const { sent_screen_sound } = near.stats().at(-1).peers[0];
  const { received_screen_sound, received_audio } = far.stats().at(-1).peers[0];
  t.diagnostic(`sent ${JSON.stringify(sent_screen_sound)}`);
  t.diagnostic(`received ${JSON.stringify(received_screen_sound)}`);
  assert.equal(received_audio.packets, 0, "there is no voice");

  near.command({ type: "stop_screen" });
  await near.event(({ type }) => type === "screen_ended", "its share to end");
  await observe(SETTLING_MS);
  const after = await hear(far, QUIET_SECONDS);
  assert.ok(level(after.samples) < SILENCE, `${level(after.samples)} is heard after the share`);

  const events = near.events.length;
  near.command({ type: "share_screen", screen: "pattern", sound: true });
  await near.sharesSound(true, events);
  checkShared(t, "the peer, again,", await hear(far));

  // A sound server that goes takes no picture with it.
  await stop();
  await sounds.end();
  await near.sharesSound(false, events);
  const watch = far.screenRecording.watch();
  await observe(QUIET_SECONDS * 1000);
  assert.ok(watch().count > 0, "the screen is still seen");
  await Promise.all([near.leave(), far.leave()]);
});

test("a tab hears what a peer's computer plays, and a peer what a tab shares", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const [server, sounds] = await Promise.all([Server.start(scope), SoundServer.start(scope)]);
  const track = join(scope.folder, "music.wav");
  writeWav(track, steadyTone({ hz: PLAYED_HZ, seconds: 60 }));
  const link = server.room();
  const tab = await Tab.open(scope, link, { name: "Tab" });
  await tab.inRoom();
  const near = startSharer(scope, link, sounds, undefined);
  await Promise.all([near.connected(), near.sharesSound(true), tab.seesScreen()]);
  sounds.play(track);
  await hearsPlayed(tab);
  const { received_screen_sound, received_audio } = await until(LIMIT_MS, "the tab's statistics", async () => {
    const peer = (await tab.stats())?.peers[0];
    return peer?.received_screen_sound.packets > 0 && peer;
  });
  t.diagnostic(`the tab received ${JSON.stringify(received_screen_sound)}`);
  assert.equal(received_audio.packets, 0, "there is no voice");
  near.command({ type: "stop_screen" });
  await tab.seesScreen(false);
  await hearsNothing(tab);

  // The tab's microphone is the tone of 440 Hz.
  await tab.page.evaluate(() => window.visavis.engine.shareScreen("pattern", true));
  await near.seesScreen();
  const heard = await hear(near);
  const [shared, voice] = strengths(heard);
  t.diagnostic(`the peer hears the tab's screen at ${shared.toFixed(1)} dB and its voice at ${voice.toFixed(1)} dB`);
  assert.ok(shared > AUDIBLE_DB && voice > AUDIBLE_DB, "both are heard");
  await tab.page.evaluate(() => window.visavis.engine.stopScreen());
  await observe(SETTLING_MS);
  const left = await hear(near, QUIET_SECONDS);
  const [gone, still] = strengths(left);
  assert.ok(still - gone >= ENOUGH_DB, `${gone.toFixed(1)} dB of the screen are heard after the share`);
  await near.leave();
  assert.deepEqual(tab.complaints, []);
});

test("the app's dialog offers the sound, and sends it until the share ends", { timeout: 120_000 }, async (t) => {
  const scope = new Scope(t);
  const [server, sounds] = await Promise.all([Server.start(scope), SoundServer.start(scope)]);
  const track = join(scope.folder, "music.wav");
  writeWav(track, steadyTone({ hz: PLAYED_HZ, seconds: 60 }));
  const link = server.room();
  const tab = await Tab.open(scope, link, { name: "Tab" });
  await tab.inRoom();
  const query = new URLSearchParams({ camera: "pattern", microphone: "none", name: "Window", join: "1", probe: "1" });
  const window = await DesktopWindow.open(scope, [`${link}?${query}`, "--speaker", "default"], { sounds });
  await Promise.all([tab.sees(), window.sees()]);
  sounds.play(track);
  await hearsNothing(tab);
  await window.click("Share your screen");
  await window.clickOn("dialog input");
  await window.screenshot("screen-sound-dialog.png");
  await window.clickOn("dialog li button");
  await tab.seesScreen();
  await hearsPlayed(tab);
  await window.screenshot("screen-sound-sharing.png");
  await window.click("Share your screen");
  await tab.seesScreen(false);
  await hearsNothing(tab);
  await window.close();
  assert.deepEqual(tab.complaints, []);
});

/** A peer that sends no voice of its own. */
function startSharer(scope, link, sounds, speaker) {
  const args = ["--screen", "pattern", "--screen-sound", "--commands"];
  return Peer.start(scope, link, { name: "Near", camera: "none", microphone: "none", speaker, env: sounds.env, args });
}

/** What the other program plays is the strongest of what a tab hears. */
function hearsPlayed(tab) {
  return until(LIMIT_MS, `${tab.name} to hear ${PLAYED_HZ} Hz`, async () => {
    const { level, frequencyHz } = await tab.page.evaluate(() => window.visavis.tone());
    return level > 0.05 && Math.abs(frequencyHz - PLAYED_HZ) < 10;
  });
}

function hearsNothing(tab) {
  return until(LIMIT_MS, `${tab.name} to hear nothing`, async () => {
    const { level } = await tab.page.evaluate(() => window.visavis.tone());
    return level < SILENCE;
  });
}

/** What a peer hears from some time on. */
async function hear(peer, seconds = SECONDS) {
  await observe(SETTLING_MS);
  const beganMs = peer.soundBeganMs();
  const fromMs = Date.now() - beganMs;
  await observe(seconds * 1000);
  const toMs = Date.now() - beganMs;
  // The last of it is written half a second later.
  await observe(1_000);
  const { rate, samples } = peer.sound();
  return { rate, samples: samples.subarray((fromMs * rate) / 1000, (toMs * rate) / 1000) };
}

/** The other program is heard all the time, and the call's own playback not at all. */
function checkShared(test, who, { rate, samples }) {
  const [played, own] = strengths({ rate, samples });
  const second = (_, index) => level(samples.subarray(index * rate, (index + 1) * rate));
  const seconds = Array.from({ length: Math.floor(samples.length / rate) }, second);
  const belowDb = played - own;
  test.diagnostic(`${who} hears ${PLAYED_HZ} Hz at ${played.toFixed(1)} dB, ${TONE_HZ} Hz ${belowDb.toFixed(1)} dB below it`);
  assert.ok(Math.min(...seconds) > 0.1, `${who} hears it at ${seconds.map((it) => it.toFixed(3))}`);
  assert.ok(belowDb >= ENOUGH_DB, `${who}: the call's own playback is only ${belowDb.toFixed(1)} dB below`);
}

/** Of what the other program plays and of a voice, in dB. */
function strengths(sound) {
  return [PLAYED_HZ, TONE_HZ].map((hz) => strengthDb(hz, sound));
}
