import { expect, test } from "vitest";
import { deviceOptions } from "./deviceOptions";

const ids = (...parameters: Parameters<typeof deviceOptions>) => deviceOptions(...parameters).map(({ id }) => id);

test("real devices stand between the default and the others", () => {
  const devices = [
    { id: "a", label: "Front" },
    { id: "b", label: "" },
  ];
  expect(ids("camera", devices, "a")).toEqual(["default", "a", "b", "none", "pattern"]);
  expect(ids("microphone", [], "default")).toEqual(["default", "none", "tone"]);
  expect(ids("speaker", [], "default")).toEqual(["default", "none"]);
  expect(deviceOptions("camera", devices, "a")[2]?.label).toBe("Device 2");
});

test("a choice that is not there any more stays visible", () => {
  expect(ids("camera", [], "gone")).toEqual(["default", "none", "pattern", "gone"]);
});
