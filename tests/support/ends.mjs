import { join } from "node:path";
import { observe } from "./deadline.mjs";
import { Peer } from "./peer.mjs";
import { Tab } from "./tab.mjs";
import { beeps } from "./tone.mjs";
import { writeWav } from "./wav.mjs";
import { writeClip } from "./y4m.mjs";

const CLIP = { width: 640, height: 360, framesPerSecond: 15, frames: 150 };

/**
 * One end of a call, whichever client it is.
 *
 * @typedef {{ name: string, inRoom: () => Promise<unknown>, sees: () => Promise<unknown>,
 *   watch: (seconds: number) => Promise<import("./y4m.mjs").Seen>, leave: () => Promise<unknown>,
 *   complaints: () => string[] }} End `watch` gives the other's pictures of so many seconds from now on
 */

/**
 * Has a client enter a room. A tab has devices, since only then its browser tells it of all interfaces.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {"engine" | "tab"} client
 * @param {{ name: string, namespace: string }} options
 * @returns {Promise<End>}
 */
export async function enter(scope, client, link, { name, namespace }) {
  const end = client === "tab" ? await tabEnd(scope, link, name, namespace) : peerEnd(scope, link, name, namespace);
  await end.inRoom();
  return end;
}

function peerEnd(scope, link, name, namespace) {
  const peer = Peer.start(scope, link, { name, record: true, namespace });
  return {
    name,
    inRoom: () => peer.inRoom(),
    sees: () => peer.sees(),
    watch: async (seconds) => {
      const stop = peer.recording.watch();
      await observe(seconds * 1000);
      return stop();
    },
    leave: () => peer.leave(),
    complaints: () => [],
  };
}

async function tabEnd(scope, link, name, namespace) {
  const [video, sound] = ["camera.y4m", "microphone.wav"].map((file) => join(scope.folder, file));
  writeClip(video, CLIP);
  writeWav(sound, beeps({ seconds: 10, onOffSeconds: 1 }));
  const devices = { camera: "default", microphone: "default" };
  const tab = await Tab.open(scope, link, { name, namespace, ...devices, video, sound, join: false });
  await tab.join();
  return {
    name,
    inRoom: () => tab.inRoom(),
    sees: () => tab.sees(),
    watch: async (seconds) => (await tab.watch(seconds)).picture,
    leave: () => tab.leave(),
    complaints: () => tab.complaints,
  };
}
