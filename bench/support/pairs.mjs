import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeGrainyClip, writeSteadyTone } from "./clip.mjs";
import { browser, engine } from "./network-sides.mjs";

/** Who sends from the left to whom. The last one is what the others are measured against. */
export const PAIRS = [
  { name: "engine-engine", left: engine, right: engine },
  { name: "engine-chromium", left: engine, right: browser },
  { name: "chromium-chromium", left: browser, right: browser },
];
export const REFERENCE = "chromium-chromium";

/** The most that video takes: of the engine by itself (`VideoLadder::MAX_BPS`), of Chromium because it is told so. */
export const MAX_VIDEO_BPS = Number(process.env.VISAVIS_BENCH_MAX_VIDEO_BPS ?? 800_000);
/** What sound and the headers of both take besides, on the wire. */
const HEADERS = 1.06;
const SOUND_BPS = 55_000;
export const DEMAND_BPS = HEADERS * MAX_VIDEO_BPS + SOUND_BPS;

/** Those of `all` that an environment variable names with commas between them; all without it. */
export function chosen(variable, all, nameOf) {
  const names = process.env[variable]?.split(",");
  const unknown = names?.find((name) => !all.some((it) => nameOf(it) === name));
  if (unknown !== undefined) throw new Error(`${variable}: there is no ${unknown}, but ${all.map(nameOf).join(", ")}`);
  return all.filter((it) => names?.includes(nameOf(it)) ?? true);
}

/** What every sender shows and says. */
export async function withMaterial(use) {
  const folder = mkdtempSync(join(tmpdir(), "visavis-bench-"));
  try {
    const [video, sound] = [join(folder, "camera.y4m"), join(folder, "microphone.wav")];
    writeGrainyClip(video);
    writeSteadyTone(sound);
    await use({ video, sound, maxVideoBps: MAX_VIDEO_BPS });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
