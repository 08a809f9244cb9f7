/** Others are played as loud as the user wants: each, and all together; in the native engine and in a tab. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { observe, until } from "./support/deadline.mjs";
import { Peer } from "./support/peer.mjs";
import { percentile } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { SoundServer } from "./support/sound.mjs";
import { Tab } from "./support/tab.mjs";
import { level, readChannels } from "./support/wav.mjs";

const SETTLE_MS = 300;
const MEASURED_MS = 1_000;
/** 22 waves of the tone. */
const WINDOW_S = 0.05;
const HEARD_WITHIN_MS = 10_000;
/** How far a gain may be from the square of the volume: 0.5 dB. */
const TOLERANCE = 0.06;
/** Of the time. */
const MOST_GAPS = 0.1;
/** The tone at the most of one volume touches the limiter, which takes so much of it at most: 4 dB. */
const LIMITED = 0.63;

test("the native engine plays others as loud as it is told", { timeout: 60_000 }, async (t) => {
  const { scope, sounds, link } = await start(t);
  const ada = Peer.start(scope, link, {
    name: "Ada",
    camera: "none",
    microphone: "none",
    speaker: "default",
    args: ["--commands"],
    env: sounds.env,
  });
  const joined = await ada.event(
    ({ type, event }) => type === "call" && event.type === "participant_joined",
    "to meet somebody",
  );
  const { id } = joined.event.participant;
  await ada.deviceStarts("speaker");
  await check(t, sounds, scope, {
    participant: (volume) => ada.command({ type: "set_participant_volume", participant: id, volume }),
    everybody: (volume) => ada.command({ type: "set_output_volume", volume }),
  });
  await ada.leave();
});

test("a tab plays others as loud as its sliders say", { timeout: 60_000 }, async (t) => {
  const { scope, sounds, link } = await start(t);
  const tab = await Tab.open(scope, link, { name: "Ada", sounds });
  await Promise.all([tab.inRoom(), tab.sees()]);
  await tab.page.getByRole("button", { name: "Volume of Bob" }).press("Enter");
  const slider = tab.page.getByRole("slider", { name: "Volume of Bob" });
  await check(t, sounds, scope, {
    participant: (volume) => slider.fill(String(volume)),
    everybody: (volume) => tab.page.evaluate((wanted) => window.visavis.engine.setOutputVolume(wanted), volume),
  });
  await tab.screenshot("volume-tab.png");
  await slider.press("Home");
  assert.equal(await slider.getAttribute("aria-valuetext"), "0 %", "the keyboard moves it");
  await tab.page.getByRole("meter", { name: "How loud Bob is" }).waitFor();
  assert.ok(await tab.page.getByText("Bob is speaking").isVisible(), "whoever is not heard still speaks");
  assert.deepEqual(tab.complaints, []);
});

async function start(t) {
  const scope = new Scope(t);
  const [sounds, server] = await Promise.all([SoundServer.start(scope), Server.start(scope)]);
  const link = server.room();
  Peer.start(scope, link, { name: "Bob", speaker: "none" });
  return { scope, sounds, link };
}

/** Both volumes multiply what is heard by their squares. */
async function check(t, sounds, scope, set) {
  const measure = async (participant, everybody) => {
    await set.participant(participant);
    await set.everybody(everybody);
    await observe(SETTLE_MS);
    const { loud, gaps } = await hear(sounds, scope);
    assert.ok(gaps <= MOST_GAPS, `the sound has gaps: ${Math.round(100 * gaps)} % of it`);
    return loud;
  };
  await until(HEARD_WITHIN_MS, "the tone to be heard", async () => (await hear(sounds, scope)).loud > 0.1);
  const asItCame = await measure(1, 1);
  for (const [participant, everybody, least, most] of [
    [0.5, 1, 0.25, 0.25],
    [1, 0.5, 0.25, 0.25],
    [0.5, 1.4, 0.49, 0.49],
    [1.4, 1, 1.96, 1.96],
    [2, 1, 4 * LIMITED, 4],
    [0, 2, 0, 0],
    [1, 1, 1, 1],
  ]) {
    const gain = (await measure(participant, everybody)) / asItCame;
    t.diagnostic(`volume ${participant} among the others, ${everybody} of all: ${gain.toFixed(3)} times as loud`);
    assert.ok(gain >= least * (1 - TOLERANCE) && gain <= most * (1 + TOLERANCE) + 0.001, `${gain}`);
  }
}

/** How loud the tone comes out of the speaker, and how much of it is missing: a gap is no volume. */
async function hear(sounds, scope) {
  const path = join(scope.folder, "heard.wav");
  const stop = sounds.listen(path);
  await observe(MEASURED_MS);
  await stop();
  const { channels, rate } = readChannels(path);
  const heard = channels[1].subarray(rate / 4);
  const length = rate * WINDOW_S;
  const windows = Array.from({ length: Math.floor(heard.length / length) }, (_, index) => level(heard.subarray(index * length, (index + 1) * length)));
  const loud = percentile(windows, 0.5) ?? 0;
  return { loud, gaps: windows.filter((window) => window < loud / 2).length / windows.length };
}
