import { expect, test } from "vitest";
import { sourcesByMid } from "./sections";

const description = (...sections: string[]): string =>
  ["v=0", "s=-", ...sections.map((section, i) => `m=${section} 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:${i}`), ""].join("\r\n");

test("a section's place among those of its kind tells its source", () => {
  const entries = (...sections: string[]) => [...sourcesByMid(description(...sections))];
  expect(entries("audio", "video", "video")).toEqual([
    ["0", "audio"],
    ["1", "video"],
    ["2", "screen"],
  ]);
  expect(entries("video", "audio")).toEqual([
    ["0", "video"],
    ["1", "audio"],
  ]);
  expect(entries("audio", "video", "application", "audio", "audio", "video", "video")).toEqual([
    ["0", "audio"],
    ["1", "video"],
    ["3", "screen_sound"],
    ["5", "screen"],
  ]);
  expect(entries()).toEqual([]);
  expect([...sourcesByMid("")]).toEqual([]);
});
