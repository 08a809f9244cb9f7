import { expect, test } from "vitest";
import { besideSound, preferred, screenSoundBps, soundBps, videoEncoding } from "./encodings";

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
  expect(soundBps(150_000)).toBe(16_000);
  expect(soundBps(10_000)).toBe(12_000);
  // With its copies, and the headers of 50 packets a second.
  expect(besideSound(100_000, false)).toBe(51_000);
});

test("redundant sound comes first where there is such, and nothing is left out", () => {
  const codecs = (...names: string[]) => names.map((mimeType) => ({ mimeType }));
  expect(preferred("audio", codecs("audio/opus", "audio/RED", "audio/PCMU", "audio/CN"))).toEqual(
    codecs("audio/RED", "audio/opus", "audio/PCMU", "audio/CN"),
  );
  expect(preferred("audio", codecs("audio/G722", "audio/opus"))).toEqual(codecs("audio/opus", "audio/G722"));
  expect(preferred("screen_sound", codecs("audio/RED", "audio/opus"))).toEqual(codecs("audio/opus", "audio/RED"));
  expect(preferred("video", codecs("video/H264", "video/VP8", "video/rtx"))).toEqual(
    codecs("video/VP8", "video/H264", "video/rtx"),
  );
});

test("a screen's sound gives way before the voice", () => {
  expect(screenSoundBps(undefined)).toBe(64_000);
  expect(screenSoundBps(400_000)).toBe(32_000);
  expect(screenSoundBps(190_000)).toBe(0);
  expect(besideSound(1_000_000, false)).toBe(911_000);
  expect(besideSound(1_000_000, true)).toBe(822_000);
  expect(besideSound(190_000, true)).toBe(133_000);
  expect(besideSound(10_000, true)).toBe(0);
});

test("a camera beside a screen takes little", () => {
  expect(videoEncoding(TARGET, undefined, true).maxBitrate).toBe(250_000);
  expect(videoEncoding({ ...TARGET, maxBps: 80_000 }, undefined, true).maxBitrate).toBe(80_000);
});
