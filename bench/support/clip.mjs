import { closeSync, openSync, writeSync } from "node:fs";
import { writeMarker } from "../../tests/support/marker.mjs";
import { beeps } from "../../tests/support/tone.mjs";
import { writeWav } from "../../tests/support/wav.mjs";

/** @typedef {{ width: number, height: number, framesPerSecond: number }} Format */

/** What a call begins with. @type {Format} */
const FORMAT = { width: 640, height: 360, framesPerSecond: 15 };
const SECONDS = 5;
/** How far the picture wanders, in pixels, and how strong its grain is. */
const WANDER = 32;
const GRAIN = 10;
/** Sizes of the texture's features, in pixels, and how strong they are. */
const OCTAVES = [
  [64, 40],
  [16, 24],
  [4, 16],
];

/**
 * A camera picture for every sender: texture that moves, with grain, so that any bitrate can be made use of, and each
 * picture's number in its marker, whose time is 0. It is played over and over, without a jump where it begins anew.
 *
 * @param {string} path
 * @param {Format} [format]
 */
export function writeGrainyClip(path, { width, height, framesPerSecond } = FORMAT) {
  const random = generator(1);
  const [stride, rows] = [width + 2 * WANDER, height + 2 * WANDER];
  const texture = new Float32Array(stride * rows).fill(128);
  for (const [size, strength] of OCTAVES) addNoise(texture, stride, rows, size, strength, random);

  const frames = SECONDS * framesPerSecond;
  const file = openSync(path, "w");
  try {
    writeSync(file, `YUV4MPEG2 W${width} H${height} F${framesPerSecond}:1 Ip A1:1 C420mpeg2\n`);
    const picture = Buffer.alloc((width * height * 3) / 2, 128);
    for (let frame = 0; frame < frames; frame += 1) {
      const turn = (2 * Math.PI * frame) / frames;
      const [left, top] = [Math.round(WANDER * (1 + Math.sin(turn))), Math.round(WANDER * (1 + Math.cos(2 * turn)))];
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          const value = texture[(y + top) * stride + x + left] + GRAIN * (random() - 0.5);
          picture[y * width + x] = Math.min(235, Math.max(16, value));
        }
      }
      writeMarker(picture, width, height, { frame, time: 0 });
      writeSync(file, "FRAME\n");
      writeSync(file, picture);
    }
  } finally {
    closeSync(file);
  }
}

/** A microphone for every sender: the tone without an end. */
export function writeSteadyTone(path) {
  writeWav(path, beeps({ seconds: 10, onOffSeconds: 10 }));
}

/** Noise of one size of features, smooth between its points. */
function addNoise(texture, width, height, size, strength, random) {
  const columns = Math.ceil(width / size) + 2;
  const points = Float32Array.from({ length: columns * (Math.ceil(height / size) + 2) }, () => 2 * random() - 1);
  for (let y = 0; y < height; y += 1) {
    const [row, down] = [Math.floor(y / size), (y % size) / size];
    for (let x = 0; x < width; x += 1) {
      const [column, along] = [Math.floor(x / size), (x % size) / size];
      const at = row * columns + column;
      const above = points[at] * (1 - along) + points[at + 1] * along;
      const below = points[at + columns] * (1 - along) + points[at + columns + 1] * along;
      texture[y * width + x] += strength * (above * (1 - down) + below * down);
    }
  }
}

/** Numbers from 0 to 1, the same in every run (xorshift32). */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
