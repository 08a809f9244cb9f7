/** The desktop app's real window and a browser tab see and hear each other. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { checkPicture } from "./support/picture.mjs";
import { Scope } from "./support/scope.mjs";
import { Server } from "./support/server.mjs";
import { Tab } from "./support/tab.mjs";
import { checkTone } from "./support/tone.mjs";
import { readWav } from "./support/wav.mjs";
import { DesktopWindow } from "./support/window.mjs";

const SECONDS = 30;

test("the desktop app and a browser tab see and hear each other", { timeout: 150_000 }, async (t) => {
  const scope = new Scope(t);
  const server = await Server.start(scope);
  const link = server.room();
  const speaker = join(scope.folder, "speaker.wav");
  const tab = await Tab.open(scope, link, { name: "Tab" });
  await tab.inRoom();
  const query = new URLSearchParams({ camera: "pattern", microphone: "tone", name: "Window", join: "1", probe: "1" });
  const window = await DesktopWindow.open(scope, [`${link}?${query}`, "--speaker", speaker]);
  await window.inRoom();
  await Promise.all([tab.sees(), window.sees()]);

  const [tabSaw, windowSaw] = await Promise.all([tab.watch(SECONDS), window.watch(SECONDS)]);
  await Promise.all([tab.screenshot("window-tab-tab.png"), window.screenshot("window-tab-window.png")]);
  const { milestones } = await window.stats();
  await window.click("Leave");
  await tab.page.waitForFunction(() => window.visavis.streams().every(({ type }) => type === "own"));
  await window.close();

  checkPicture(t, "the tab", tabSaw.picture, { seconds: SECONDS });
  checkPicture(t, "the window", windowSaw.picture, { seconds: SECONDS });
  t.diagnostic(`the tab hears the tone in ${(100 * tabSaw.tone).toFixed(1)} % of the time`);
  assert.ok(tabSaw.tone >= 0.95, `the tab hears the tone in ${tabSaw.tone} of the time`);
  checkTone(t, "the window", readWav(speaker), { seconds: SECONDS });
  t.diagnostic(`first frame in the window ${milestones.first_frame_ms - milestones.peer_present_ms} ms after both were there`);
  assert.deepEqual(tab.complaints, []);
});
