import { readFileSync, writeFileSync } from "node:fs";

/** @typedef {{ rate: number, samples: Float32Array }} Sound mono, -1 to 1 */

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;

/** Reads a WAV file as mono. @returns {Sound} */
export function readWav(path) {
  const { rate, channels } = readChannels(path);
  const [first] = channels;
  if (channels.length === 1) return { rate, samples: first };
  const sum = (index) => channels.reduce((sum, channel) => sum + channel[index], 0);
  return { rate, samples: first.map((_, index) => sum(index) / channels.length) };
}

/**
 * Reads a WAV file of 16-bit or float samples. What follows a header that was not finished is read to the file's end.
 *
 * @returns {{ rate: number, channels: Float32Array[] }}
 */
export function readChannels(path) {
  const file = readFileSync(path);
  if (file.toString("latin1", 0, 4) !== "RIFF" || file.toString("latin1", 8, 12) !== "WAVE") {
    throw new Error(`${path} is not a WAV file`);
  }
  let format;
  for (let at = 12; at + 8 <= file.length; ) {
    const id = file.toString("latin1", at, at + 4);
    const size = file.readUInt32LE(at + 4);
    const body = at + 8;
    if (id === "fmt ") {
      const tag = file.readUInt16LE(body);
      format = {
        kind: tag === EXTENSIBLE ? file.readUInt16LE(body + 24) : tag,
        channels: file.readUInt16LE(body + 2),
        rate: file.readUInt32LE(body + 4),
        bits: file.readUInt16LE(body + 14),
      };
    }
    if (id === "data" && format !== undefined) {
      return { rate: format.rate, channels: split(file.subarray(body, body + size), format, path) };
    }
    at = body + size + (size % 2);
  }
  throw new Error(`${path} holds no sound`);
}

/** Writes 16-bit mono. @param {Sound} sound */
export function writeWav(path, { rate, samples }) {
  const file = Buffer.alloc(44 + samples.length * 2);
  file.write("RIFF", 0, "latin1");
  file.writeUInt32LE(file.length - 8, 4);
  file.write("WAVEfmt ", 8, "latin1");
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(PCM, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(rate, 24);
  file.writeUInt32LE(rate * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write("data", 36, "latin1");
  file.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, index) => {
    file.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32767), 44 + index * 2);
  });
  writeFileSync(path, file);
}

/** Root mean square of a piece. @param {Float32Array} samples */
export function level(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(samples.length, 1));
}

function split(data, { kind, channels, bits }, path) {
  let read;
  if (kind === PCM && bits === 16) read = (at) => data.readInt16LE(at) / 32768;
  else if (kind === FLOAT && bits === 32) read = (at) => data.readFloatLE(at);
  else throw new Error(`${path} has samples of format ${kind} with ${bits} bits`);
  const bytes = bits / 8;
  const length = Math.floor(data.length / (bytes * channels));
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length }, (_, index) => read((index * channels + channel) * bytes)),
  );
}
