import { afterEach, expect, test, vi } from "vitest";
import { openUserMedia } from "./userMedia";

/** A browser that has these kinds of devices, and what it was asked for. */
function browser(...has: string[]) {
  const asked: string[][] = [];
  vi.stubGlobal("navigator", {
    mediaDevices: {
      getUserMedia: async (constraints: object) => {
        const kinds = Object.keys(constraints);
        asked.push(kinds);
        if (!kinds.every((kind) => has.includes(kind))) throw new DOMException("no such device", "NotFoundError");
        return { getTracks: () => kinds.map((kind) => ({ kind })) };
      },
    },
  });
  return asked;
}

const openBoth = () => Promise.allSettled([openUserMedia("video", {}), openUserMedia("audio", {})]);

afterEach(() => vi.unstubAllGlobals());

test("the user is asked once for both", async () => {
  const asked = browser("audio", "video");
  const results = await openBoth();
  expect(asked).toEqual([["video", "audio"]]);
  expect(results).toMatchObject([{ value: { kind: "video" } }, { value: { kind: "audio" } }]);
});

test("a missing camera does not cost the microphone", async () => {
  const asked = browser("audio");
  const results = await openBoth();
  expect(asked).toEqual([["video", "audio"], ["video"], ["audio"]]);
  expect(results).toMatchObject([{ reason: { name: "NotFoundError" } }, { value: { kind: "audio" } }]);
});

test("one alone is asked for alone, and two of a kind one after the other", async () => {
  const asked = browser("video");
  await openUserMedia("video", {});
  await Promise.all([openUserMedia("video", {}), openUserMedia("video", {})]);
  expect(asked).toEqual([["video"], ["video"], ["video"]]);
});

test("without a secure context there is a plain error", async () => {
  vi.stubGlobal("navigator", {});
  await expect(openUserMedia("audio", {})).rejects.toThrow(TypeError);
});
