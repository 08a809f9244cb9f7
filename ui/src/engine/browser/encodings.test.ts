import { expect, test } from "vitest";
import { besideSound, screenSoundBps, soundBps, videoEncoding } from "./encodings";

const TARGET = { width: 640, height: 360, framesPerSecond: 15, maxBps: 800_000 };

test("a picture is scaled down to its target, never up", () => {
  expect(videoEncoding(TARGET, { width: 1280, height: 720 }, false)).toEqual({
    maxBitrate: 800_000,
    maxFramerate: 15,
    scaleResolutionDownBy: 2,
  });
  expect(videoEncoding(TARGET, { width: 320, height: 240 }, false).scaleResolutionDownBy).toBe(1);
  expect(videoEncoding(TARGET, undefined, false).scaleResolutionDownBy).toBe(1);
});

test("a picture that is higher than wide has as many pixels", () => {
  expect(videoEncoding(TARGET, { width: 720, height: 1280 }, false).scaleResolutionDownBy).toBe(2);
});

test("sound gives way on a narrow path alone", () => {
  expect(soundBps(undefined)).toBe(32_000);
  expect(soundBps(1_000_000)).toBe(32_000);
  expect(soundBps(100_000)).toBe(20_000);
  expect(soundBps(10_000)).toBe(12_000);
});

test("a screen's sound gives way before the voice", () => {
  expect(screenSoundBps(undefined)).toBe(64_000);
  expect(screenSoundBps(400_000)).toBe(32_000);
  expect(screenSoundBps(190_000)).toBe(0);
  expect(besideSound(1_000_000, false)).toBe(950_000);
  expect(besideSound(1_000_000, true)).toBe(862_800);
  expect(besideSound(190_000, true)).toBe(140_000);
  expect(besideSound(10_000, true)).toBe(0);
});

test("a camera beside a screen takes little", () => {
  expect(videoEncoding(TARGET, undefined, true).maxBitrate).toBe(250_000);
  expect(videoEncoding({ ...TARGET, maxBps: 80_000 }, undefined, true).maxBitrate).toBe(80_000);
});
