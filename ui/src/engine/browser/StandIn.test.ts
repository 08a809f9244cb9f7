import { expect, test } from "vitest";
import type { Device } from "../../generated/Device";
import { StandIn } from "./StandIn";

const devices = (...ids: string[]): Device[] => ids.map((id) => ({ id, label: `The ${id}` }));

function headset(replaceable = true): StandIn {
  const standIn = new StandIn(replaceable);
  standIn.choose("headset");
  standIn.onPresent(devices("built-in", "headset"));
  return standIn;
}

test("the system's choice stands in until the device is back", () => {
  const standIn = headset();
  expect(standIn.onFailure("lost")).toBe(true);
  expect(standIn.choice).toBe("default");
  expect(standIn.onPresent(devices("built-in"))).toBe(false);
  expect(standIn.onPresent(devices("built-in", "headset"))).toBe(true);
  expect(standIn.choice).toBe("headset");
  expect(standIn.onPresent(devices("built-in", "headset"))).toBe(false);
});

test("a device that is still listed is not tried again and again", () => {
  const standIn = headset();
  standIn.onFailure("stalled");
  expect(standIn.onPresent(devices("built-in", "headset"))).toBe(false);
});

test("nothing stands in for a stand-in, but the device still comes back", () => {
  const standIn = headset();
  standIn.onFailure("lost");
  expect(standIn.onFailure("not_found")).toBe(false);
  standIn.onPresent([]);
  expect(standIn.onPresent(devices("headset"))).toBe(true);
});

test("what is there but cannot be used is not replaced", () => {
  for (const code of ["busy", "denied", "failed"] as const) expect(headset().onFailure(code)).toBe(false);
});

test("the system's choice is tried again when something is plugged in", () => {
  const standIn = new StandIn(true);
  standIn.onPresent(devices("headset"));
  expect(standIn.onFailure("lost")).toBe(true);
  expect(standIn.onFailure("not_found")).toBe(false);
  expect(standIn.onPresent([])).toBe(false);
  expect(standIn.onPresent(devices("built-in"))).toBe(true);
});

test("what is listed for the first time has not come back", () => {
  const standIn = new StandIn(true);
  standIn.onFailure("busy");
  expect(standIn.onPresent(devices("built-in"))).toBe(false);
});

test("no camera takes the place of another", () => {
  const standIn = headset(false);
  expect(standIn.onFailure("lost")).toBe(false);
  expect(standIn.choice).toBe("headset");
  standIn.onPresent([]);
  expect(standIn.onPresent(devices("headset"))).toBe(true);
});

test("a new choice begins anew", () => {
  const standIn = headset();
  standIn.onFailure("lost");
  standIn.choose("tone");
  expect(standIn.choice).toBe("tone");
  expect(standIn.onPresent(devices("other"))).toBe(false);
});
