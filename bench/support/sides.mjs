import { Peer } from "../../tests/support/peer.mjs";
import { Tab } from "../../tests/support/tab.mjs";
import { DesktopWindow } from "../../tests/support/window.mjs";
import { installCamera } from "./camera.mjs";
import { measure, ownChildren } from "./usage.mjs";

/**
 * One side of a measured call.
 *
 * @typedef {object} Side
 * @property {() => Promise<void>} inRoom
 * @property {() => Promise<void>} sees
 * @property {(seconds: number) => Promise<{ cpu: number, peakBytes: number }>} use
 * @property {(seconds: number) => Promise<{ decoded: number[], presented: number[] }>} ages of the other's pictures in
 *   milliseconds: when they are decoded, and when they are shown, where anybody looks
 * @property {() => Promise<number>} firstFrameMs from both in the room to the other's first picture
 */

const sinceBothJoined = ({ milestones }) => milestones.first_frame_ms - milestones.peer_present_ms;

/** The native engine alone. @returns {Promise<Side>} */
export async function peer(scope, link) {
  const side = Peer.start(scope, link, { speaker: "none" });
  return {
    inRoom: () => side.inRoom(),
    sees: () => side.sees(),
    use: (seconds) => measure(side.program.pid, seconds),
    async ages(seconds) {
      const before = side.stats().length;
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      return { decoded: side.stats().slice(before).flatMap((line) => line.picture_ages_ms), presented: [] };
    },
    firstFrameMs: async () => sinceBothJoined(side.stats().at(-1)),
  };
}

/** The UI in Chromium. @returns {Promise<Side>} */
export async function tab(scope, link) {
  const before = new Set(ownChildren());
  const side = await Tab.open(scope, link, { camera: "default", microphone: "default", join: false, init: installCamera });
  const browser = ownChildren().find((pid) => !before.has(pid));
  await side.join();
  return {
    inRoom: () => side.inRoom(),
    sees: () => side.sees(),
    use: (seconds) => measure(browser, seconds),
    async ages(seconds) {
      const { picture } = await side.watch(seconds);
      const presented = await side.page.evaluate((ms) => window.presentedAges(ms), seconds * 1000);
      return { decoded: picture.frames.map(({ delayMs }) => delayMs), presented };
    },
    firstFrameMs: async () => sinceBothJoined(await side.stats()),
  };
}

/** The desktop app. @returns {Promise<Side>} */
export async function app(scope, link) {
  const side = await DesktopWindow.open(scope, [`${link}?camera=pattern&microphone=tone&name=App&join=1&probe=1`, "--speaker", "none"]);
  return {
    inRoom: () => side.inRoom(),
    sees: () => side.sees(),
    use: (seconds) => measure(side.pid, seconds),
    async ages(seconds) {
      const { picture } = await side.watch(seconds);
      return { decoded: [], presented: picture.frames.map(({ delayMs }) => delayMs) };
    },
    firstFrameMs: async () => sinceBothJoined(await side.stats()),
  };
}
