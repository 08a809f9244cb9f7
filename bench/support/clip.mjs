import { closeSync, openSync, writeSync } from "node:fs";
import { beeps } from "../../tests/support/tone.mjs";
import { writeWav } from "../../tests/support/wav.mjs";

const [WIDTH, HEIGHT, FRAMES_PER_SECOND, FRAMES] = [640, 360, 15, 75];
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
 * A camera picture for every sender: texture that moves, with grain, so that any bitrate can be made use of. It is played
 * over and over, without a jump where it begins anew.
 */
export function writeGrainyClip(path) {
  const random = generator(1);
  const [width, height] = [WIDTH + 2 * WANDER, HEIGHT + 2 * WANDER];
  const texture = new Float32Array(width * height).fill(128);
  for (const [size, strength] of OCTAVES) addNoise(texture, width, height, size, strength, random);

  const file = openSync(path, "w");
  try {
    writeSync(file, `YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_PER_SECOND}:1 Ip A1:1 C420mpeg2\n`);
    const picture = Buffer.alloc((WIDTH * HEIGHT * 3) / 2, 128);
    for (let frame = 0; frame < FRAMES; frame += 1) {
      const turn = (2 * Math.PI * frame) / FRAMES;
      const [left, top] = [Math.round(WANDER * (1 + Math.sin(turn))), Math.round(WANDER * (1 + Math.cos(2 * turn)))];
      for (let y = 0; y < HEIGHT; y += 1) {
        for (let x = 0; x < WIDTH; x += 1) {
          const value = texture[(y + top) * width + x + left] + GRAIN * (random() - 0.5);
          picture[y * WIDTH + x] = Math.min(235, Math.max(16, value));
        }
      }
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
