import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeWav } from "../../tests/support/wav.mjs";
import { python } from "./python.mjs";

const SCORE = fileURLToPath(new URL("speech.py", import.meta.url));
/** Two voices of espeak-ng, and what they say to each other. */
const LINES = [
  ["en-gb", "Face to face, across the sea, two people meet on a small screen. Can you hear me well?"],
  ["en-gb+f3", "Yes, I can. The quick brown fox jumps over the lazy dog, and nobody misses a single word."],
  ["en-gb", "Then tell me what the weather is like on your side, and whether the boats have come back."],
  ["en-gb+f3", "It has rained since Tuesday. Seven boats are in the harbour, and the eighth is on its way."],
];
const HZ = 48_000;

/** A microphone for every sender: people who speak, over and over. */
export function writeSpeech(path) {
  const folder = mkdtempSync(join(tmpdir(), "visavis-speech-"));
  try {
    const files = LINES.map(([voice, words], index) => {
      const file = join(folder, `${index}.wav`);
      execFileSync("espeak-ng", ["-v", voice, "-s", "150", "-w", file, words]);
      return file;
    });
    const inputs = files.flatMap((file) => ["-i", file]);
    const filter = `concat=n=${files.length}:v=0:a=1,aresample=${HZ}`;
    execFileSync("ffmpeg", ["-v", "error", ...inputs, "-filter_complex", filter, "-ac", "1", "-c:a", "pcm_s16le", "-bitexact", path]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * PESQ, wideband, of what was heard of a voice: from 1.02, nothing, to 4.64, all of it.
 *
 * @param {string} said path of a `.wav` that is said over and over
 * @param {import("../../tests/support/wav.mjs").Sound} heard at 48 kHz, at least 8 seconds
 * @returns {number}
 */
export function scoreSpeech(said, heard) {
  const folder = mkdtempSync(join(tmpdir(), "visavis-score-"));
  try {
    const file = join(folder, "heard.wav");
    writeWav(file, heard);
    return scoreFile(said, file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same of a file: 16-bit mono at 48 kHz. @param {string} said @param {string} heard @returns {number} */
export function scoreFile(said, heard) {
  return Number(python([SCORE, said, heard]));
}
