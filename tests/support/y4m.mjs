import { execFileSync } from "node:child_process";
import { closeSync, constants, createReadStream, openSync, writeSync } from "node:fs";
import { finished } from "node:stream/promises";
import { markerDifferenceMs, markerNow, readMarker, writeMarker } from "./marker.mjs";

/**
 * A picture as it arrived: its number, when it arrived (monotonic milliseconds), and how long after it was drawn.
 *
 * @typedef {{ frame: number, arrivedMs: number, delayMs: number }} SeenFrame
 */

/**
 * Pictures of a while.
 *
 * @typedef {{ count: number, frames: SeenFrame[], arrivalsMs: number[] }} Seen `frames` has those with a readable marker;
 *   `count` and `arrivalsMs`, of whoever can tell, all of them
 */

/**
 * The reading end of a recording: a pipe that looks like a `.y4m` file to whoever records, so that each picture is seen
 * at the moment it is written, and none fills the disk.
 */
export class Recording {
  #stream;
  #pending = Buffer.alloc(0);
  /** @type {{ width: number, height: number, size: number } | undefined} */
  #format;
  /** @type {Seen} */
  seen = { count: 0, frames: [], arrivalsMs: [] };
  /** Told of every picture as it arrives. @type {Set<(picture: { width: number, height: number, luma: Uint8Array }) => void>} */
  #samplers = new Set();
  /** Resolves when whoever records has closed the file. @type {Promise<void>} */
  finished;

  /** @param {string} path where there is nothing yet */
  constructor(path) {
    execFileSync("mkfifo", [path]);
    this.path = path;
    this.#stream = createReadStream(path, { highWaterMark: 1 << 16 });
    this.#stream.on("data", (data) => this.#onData(data));
    this.finished = finished(this.#stream).catch(() => undefined);
  }

  /** What arrived from now on until the returned function is called. @returns {() => Seen} */
  watch() {
    const from = { count: this.seen.count, frames: this.seen.frames.length };
    return () => ({
      count: this.seen.count - from.count,
      frames: this.seen.frames.slice(from.frames),
      arrivalsMs: this.seen.arrivalsMs.slice(from.count),
    });
  }

  /**
   * Keeps the brightness of a picture each `intervalMs` until the returned function is called.
   *
   * @returns {() => { width: number, height: number, luma: Uint8Array }[]}
   */
  sample(intervalMs) {
    const kept = [];
    let due = performance.now();
    const sampler = ({ luma, ...size }) => {
      if (performance.now() < due) return;
      due = performance.now() + intervalMs;
      kept.push({ ...size, luma: Uint8Array.from(luma) });
    };
    this.#samplers.add(sampler);
    return () => {
      this.#samplers.delete(sampler);
      return kept;
    };
  }

  close() {
    try {
      // Frees a reader that still waits for somebody to write.
      closeSync(openSync(this.path, constants.O_WRONLY | constants.O_NONBLOCK));
    } catch {
      // Nobody reads any more.
    }
    this.#stream.destroy();
  }

  #onData(data) {
    this.#pending = this.#pending.length === 0 ? data : Buffer.concat([this.#pending, data]);
    for (;;) {
      const end = this.#pending.indexOf(0x0a);
      if (end < 0) return;
      if (this.#format === undefined) {
        this.#format = parseHeader(this.#pending.toString("latin1", 0, end));
        this.#pending = this.#pending.subarray(end + 1);
        continue;
      }
      const next = end + 1 + this.#format.size;
      if (this.#pending.length < next) return;
      this.#onPicture(this.#pending.subarray(end + 1, next));
      this.#pending = this.#pending.subarray(next);
    }
  }

  #onPicture(picture) {
    const { width, height } = this.#format;
    const now = markerNow();
    const arrivedMs = performance.now();
    const luma = picture.subarray(0, width * height);
    for (const sampler of this.#samplers) sampler({ width, height, luma });
    const marker = readMarker(luma, width, height);
    this.seen.count += 1;
    this.seen.arrivalsMs.push(arrivedMs);
    if (marker !== undefined) {
      const delayMs = markerDifferenceMs(marker.time, now);
      this.seen.frames.push({ frame: marker.frame, arrivedMs, delayMs });
    }
  }
}

/**
 * Writes a clip of the test picture: a ramp that moves under the marker. The markers' times are 0.
 *
 * @param {{ width: number, height: number, framesPerSecond: number, frames: number }} clip
 */
export function writeClip(path, { width, height, framesPerSecond, frames }) {
  const file = openSync(path, "w");
  try {
    writeSync(file, `YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420mpeg2\n`);
    const picture = Buffer.alloc((width * height * 3) / 2, 128);
    const luma = picture.subarray(0, width * height);
    const header = Buffer.from("FRAME\n");
    for (let frame = 0; frame < frames; frame++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) luma[y * width + x] = 16 + ((x + y + 4 * frame) % 220);
      }
      writeMarker(luma, width, height, { frame, time: 0 });
      writeSync(file, header);
      writeSync(file, picture);
    }
  } finally {
    closeSync(file);
  }
}

function parseHeader(line) {
  const field = (tag) => Number(new RegExp(` ${tag}(\\d+)`).exec(line)?.[1]);
  const [width, height] = [field("W"), field("H")];
  if (!line.startsWith("YUV4MPEG2 ") || !(width > 0) || !(height > 0)) throw new Error(`not a y4m header: ${line}`);
  return { width, height, size: width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2) };
}
