import { expect, test } from "vitest";
import { gain, limited } from "./volume";

test("twice the volume is 12 dB more", () => {
  expect(gain(0)).toBe(0);
  expect(gain(1)).toBe(1);
  expect([gain(-1), gain(7)]).toEqual([gain(0), gain(2)]);
  expect(20 * Math.log10(gain(2))).toBeCloseTo(12.04);
});

test("the limiter passes what is quiet and never goes beyond full scale", () => {
  expect(limited(0.5)).toBe(0.5);
  expect(limited(-0.8)).toBe(-0.8);
  expect(limited(0.801)).toBeCloseTo(0.801);
  expect(limited(9)).toBeLessThanOrEqual(1);
  expect(limited(-9)).toBe(-limited(9));
});
