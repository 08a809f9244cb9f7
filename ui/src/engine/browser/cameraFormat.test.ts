import { expect, test } from "vitest";
import { bestFormat, formatFor } from "./cameraFormat";

const START = { width: 640, height: 360, framesPerSecond: 15 };
const HD = { width: 1280, height: 720, framesPerSecond: 30 };

test("a camera is opened for the best of all pictures that are sent, and for no less than the beginning's", () => {
  expect(formatFor([])).toEqual(START);
  expect(formatFor([{ width: 160, height: 90, framesPerSecond: 7 }])).toEqual(START);
  expect(formatFor([START, HD, { width: 960, height: 540, framesPerSecond: 30 }])).toEqual(HD);
});

test("a camera that does not tell is taken for what every call begins with", () => {
  const track = (capabilities: object) => ({ getCapabilities: () => capabilities }) as MediaStreamTrack;
  expect(bestFormat(track({}))).toEqual(START);
  expect(bestFormat({} as MediaStreamTrack)).toEqual(START);
  const capabilities = { width: { min: 1, max: 1280 }, height: { min: 1, max: 720 }, frameRate: { min: 1, max: 30 } };
  expect(bestFormat(track(capabilities))).toEqual(HD);
});
