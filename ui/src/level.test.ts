import { expect, test } from "vitest";
import { heard, meterShare, SILENT } from "./level";

test("the meter follows decibels and stays within its ends", () => {
  expect(meterShare(0)).toBe(0);
  expect(meterShare(0.001)).toBe(0);
  expect(meterShare(10 ** (-27.5 / 20))).toBeCloseTo(0.5);
  expect(meterShare(1)).toBe(1);
  expect(meterShare(4)).toBe(1);
});

test("a pause between words is no end of speaking, a longer one is", () => {
  const after = (...levels: number[]) => levels.reduce(heard, SILENT);
  expect(after(0.1)).toEqual({ share: meterShare(0.1), speaking: true });
  expect(after(0.1, 0, 0, 0).speaking).toBe(true);
  expect(after(0.1, 0, 0, 0, 0, 0).speaking).toBe(false);
  expect(after(1, ...Array<number>(10).fill(0)).share).toBeCloseTo(0);
});

test("a loudness between both bounds changes nothing", () => {
  const between = 10 ** (-40 / 20);
  const after = (...levels: number[]) => levels.reduce(heard, SILENT).speaking;
  expect(after(between, between, between)).toBe(false);
  expect(after(0.1, between, between, between, between, between, between)).toBe(true);
});
