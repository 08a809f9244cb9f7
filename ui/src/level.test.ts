import { expect, test } from "vitest";
import { meterShare } from "./level";

test("the meter follows decibels and stays within its ends", () => {
  expect(meterShare(0)).toBe(0);
  expect(meterShare(0.001)).toBe(0);
  expect(meterShare(10 ** (-27.5 / 20))).toBeCloseTo(0.5);
  expect(meterShare(1)).toBe(1);
  expect(meterShare(4)).toBe(1);
});
