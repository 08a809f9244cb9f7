import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMarker } from "../../tests/support/marker.mjs";
import { output, python } from "./python.mjs";

const PICTURE_HEADER = "FRAME\n";

/**
 * The brightness of a picture, rows without padding.
 *
 * @typedef {{ width: number, height: number, luma: Uint8Array }} Picture
 *
 * @typedef {{ vmaf: number, ssim: number }} PictureScore VMAF 0 to 100, SSIM 0 to 1
 */

/**
 * How received pictures look beside those of the clip that bear the same number, at the clip's size: on average. One whose
 * number cannot be read counts as nothing.
 *
 * @param {string} clip path of a `.y4m` whose pictures have markers numbered from 0
 * @param {Picture[]} pictures
 * @returns {PictureScore}
 */
export function scorePictures(clip, pictures) {
  const source = new Clip(clip);
  try {
    const numbered = pictures
      .map((picture) => ({ ...picture, number: readMarker(picture.luma, picture.width, picture.height)?.frame }))
      .filter(({ number }) => number < source.pictures);
    const widths = [...new Set(numbered.map(({ width }) => width))];
    const scores = widths.flatMap((width) => scoreAlike(source, numbered.filter((picture) => picture.width === width)));
    const mean = (field) => scores.reduce((sum, score) => sum + score[field], 0) / Math.max(pictures.length, 1);
    return { vmaf: mean("vmaf"), ssim: mean("ssim") };
  } finally {
    source.close();
  }
}

/** A picture as a file that viewers know (PGM). @param {Picture} picture */
export function greymap({ width, height, luma }) {
  return Buffer.concat([Buffer.from(`P5 ${width} ${height} 255\n`), luma]);
}

/** Scores of pictures of one size. @returns {PictureScore[]} */
function scoreAlike(source, pictures) {
  const folder = mkdtempSync(join(tmpdir(), "visavis-score-"));
  try {
    const [received, sent, log] = ["received.y4m", "sent.y4m", "scores.json"].map((name) => join(folder, name));
    // VMAF weighs a picture by its motion since the one before, which is therefore in front of each, and not counted.
    write(received, pictures[0], pictures.flatMap(({ luma }) => [luma, luma]));
    write(sent, source, pictures.flatMap(({ number }) => [source.luma(number - 1), source.luma(number)]));
    const scaled = `[0:v]scale=${source.width}:${source.height}:flags=bilinear[received]`;
    const scored = `[received][1:v]libvmaf=feature=name=float_ssim:log_fmt=json:log_path=${log}`;
    output(ffmpeg(), ["-v", "error", "-i", received, "-i", sent, "-lavfi", `${scaled};${scored}`, "-f", "null", "-"]);
    const { frames } = JSON.parse(readFileSync(log, "utf8"));
    const counted = frames.filter(({ frameNum }) => frameNum % 2 === 1);
    if (counted.length !== pictures.length) throw new Error(`${counted.length} of ${pictures.length} pictures scored`);
    return counted.map(({ metrics: { vmaf, float_ssim: ssim } }) => ({ vmaf, ssim }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A `.y4m` file of 4:2:0 pictures, read at any place. */
class Clip {
  #file;
  #first;

  constructor(path) {
    this.#file = openSync(path, "r");
    const [header] = this.#read(0, 256).toString("latin1").split("\n");
    [this.width, this.height] = ["W", "H"].map((tag) => Number(new RegExp(` ${tag}(\\d+)`).exec(header)[1]));
    this.#first = header.length + 1;
    let size = 0;
    while (this.#read(this.#at(size), PICTURE_HEADER.length).toString("latin1") === PICTURE_HEADER) size += 1;
    /** How many there are. */
    this.pictures = size;
  }

  /** The brightness of a picture; number -1 is the last one. */
  luma(number) {
    return this.#read(this.#at((number + this.pictures) % this.pictures) + PICTURE_HEADER.length, this.width * this.height);
  }

  close() {
    closeSync(this.#file);
  }

  #at(number) {
    return this.#first + number * (PICTURE_HEADER.length + (this.width * this.height * 3) / 2);
  }

  #read(position, length) {
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, readSync(this.#file, buffer, 0, length, position));
  }
}

/** Writes pictures without colour. */
function write(path, { width, height }, pictures) {
  const chroma = Buffer.alloc(2 * Math.ceil(width / 2) * Math.ceil(height / 2), 128);
  const file = openSync(path, "w");
  try {
    writeSync(file, `YUV4MPEG2 W${width} H${height} F15:1 Ip A1:1 C420mpeg2\n`);
    for (const luma of pictures) for (const part of [Buffer.from(PICTURE_HEADER), luma, chroma]) writeSync(file, part);
  } finally {
    closeSync(file);
  }
}

function ffmpeg() {
  return python(["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"]).trim();
}
