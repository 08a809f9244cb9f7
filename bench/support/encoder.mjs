import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FRAMES = 900;
const BITRATE_KBPS = 500;
const ROUNDS = 5;
const ENCODE = process.env.VISAVIS_ENCODE_BIN ?? fileURLToPath(new URL("../../target/release/encode-y4m", import.meta.url));

/** Seconds of user time of a command. */
function userSeconds(command, args) {
  const { status, stderr } = spawnSync("bash", ["-c", 'TIMEFORMAT="user %U"; time "$0" "$@" >/dev/null', command, ...args], {
    encoding: "utf8",
  });
  const user = /^user ([\d.]+)$/m.exec(stderr)?.[1];
  if (status !== 0 || user === undefined) throw new Error(`${command} failed: ${stderr}`);
  return Number(user);
}

/**
 * The same pictures through our encoder and through vpxenc with the same settings, alternating; both read a file.
 *
 * @returns {Promise<{ ours: number, vpxenc: number }>} least seconds of user time
 */
export async function compareEncoders() {
  if (!existsSync(ENCODE)) throw new Error(`${ENCODE} is missing: cargo build --release -p visavis-testkit`);
  const folder = mkdtempSync(join(tmpdir(), "visavis-bench-"));
  const clip = join(folder, "clip.y4m");
  try {
    spawnSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `testsrc2=size=640x360:rate=15`, "-frames:v", String(FRAMES), "-pix_fmt", "yuv420p", clip]);
    const settings = [
      "--codec=vp8", "--rt", "--cpu-used=-6", "--end-usage=cbr", `--target-bitrate=${BITRATE_KBPS}`, "--threads=1",
      "--lag-in-frames=0", "--min-q=4", "--max-q=63", "--undershoot-pct=100", "--overshoot-pct=15", "--buf-sz=1000",
      "--buf-initial-sz=500", "--buf-optimal-sz=600", "--drop-frame=25", "--disable-kf", "--noise-sensitivity=0",
      "--token-parts=0", "--static-thresh=1", "--timebase=1/15", "--quiet", "--output=/dev/null", clip,
    ];
    const [ours, vpxenc] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(userSeconds(ENCODE, [clip, String(BITRATE_KBPS * 1000)]));
      vpxenc.push(userSeconds("vpxenc", settings));
    }
    return { ours: Math.min(...ours), vpxenc: Math.min(...vpxenc) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
