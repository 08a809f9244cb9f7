import { spawn } from "node:child_process";

const RATE_HZ = 48_000;
const FORMAT = ["--raw", "--format=float32le", `--rate=${RATE_HZ}`, "--channels=1", "--latency-msec=20"];
const BYTES = Float32Array.BYTES_PER_ELEMENT;
const DIRECT_MS = 3;
const TAPS = 400;
const LENGTH_MS = 120;
/** In which the room's sound falls by 60 dB. */
const REVERBERATION_MS = 200;

/**
 * A room between a sound server's speaker and its microphone: what the one plays comes into the other, by a direct way and
 * from the walls, `echoDb` quieter.
 *
 * @param {import("./scope.mjs").Scope} scope
 * @param {import("./sound.mjs").SoundServer} sounds
 */
export function openRoom(scope, sounds, { echoDb = -9 } = {}) {
  const start = (command, args) => {
    const child = spawn(command, args, { env: { ...process.env, ...sounds.env }, stdio: ["pipe", "pipe", "ignore"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    scope.defer(() => {
      child.kill("SIGTERM");
      return ended;
    });
    return child;
  };
  const ear = start("parec", ["--device=air.monitor", "--channel-map=front-right", "--no-remix", ...FORMAT]);
  const mouth = start("pacat", ["--device=mouth", ...FORMAT]);
  mouth.stdin.on("error", () => undefined);
  const reverberate = room(taps(echoDb));
  let rest = Buffer.alloc(0);
  ear.stdout.on("data", (chunk) => {
    const bytes = Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % BYTES);
    rest = bytes.subarray(whole);
    const played = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + whole));
    mouth.stdin.write(Buffer.from(reverberate(played).buffer));
  });
}

/** Velvet noise that decays, always the same, and a direct way as strong as all of it. */
function taps(echoDb) {
  let state = 42;
  const random = () => {
    state = (1_103_515_245 * state + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const walls = Array.from({ length: TAPS }, (_, n) => {
    const at = DIRECT_MS + 1 + ((n + random()) * LENGTH_MS) / TAPS;
    return { at, gain: Math.exp((-6.9 * at) / REVERBERATION_MS) * (random() < 0.5 ? -1 : 1) };
  });
  const energy = walls.reduce((sum, { gain }) => sum + gain * gain, 0);
  const scale = 10 ** (echoDb / 20) / Math.sqrt(2 * energy);
  return [{ at: DIRECT_MS, gain: Math.sqrt(energy) }, ...walls].map(({ at, gain }) => ({
    lag: Math.round((at * RATE_HZ) / 1000),
    gain: gain * scale,
  }));
}

/** A filter of these taps that keeps what it needs of the past. */
function room(taps) {
  const longest = Math.max(...taps.map(({ lag }) => lag));
  let past = new Float32Array(longest);
  return (played) => {
    const sound = new Float32Array(longest + played.length);
    sound.set(past);
    sound.set(played, longest);
    past = sound.slice(played.length);
    const heard = new Float32Array(played.length);
    for (const { lag, gain } of taps) {
      const from = longest - lag;
      for (let n = 0; n < heard.length; n++) heard[n] += gain * sound[from + n];
    }
    return heard;
  };
}
