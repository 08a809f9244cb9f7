import { expect, test } from "vitest";
import { parseOptions } from "./options";

const parse = (query: string) => parseOptions(new URLSearchParams(query));

test("every option is read", () => {
  expect(parse("camera=pattern&microphone=tone&speaker=none&name=Ada&join=1&probe=1")).toEqual({
    devices: { camera: "pattern", microphone: "tone", speaker: "none" },
    name: "Ada",
    join: true,
    probe: true,
  });
  expect(parse("")).toEqual({ devices: {}, name: undefined, join: false, probe: false });
  expect(parse("camera=&name=%20&join=0&probe=yes")).toEqual(parse(""));
});

test("no link enters a room with a real device by itself", () => {
  expect(parse("join=1").join).toBe(false);
  expect(parse("join=1&camera=pattern").join).toBe(false);
  expect(parse("join=1&camera=default&microphone=tone").join).toBe(false);
  expect(parse("join=1&camera=none&microphone=none").join).toBe(true);
});
