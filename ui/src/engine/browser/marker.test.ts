import { describe, expect, test } from "vitest";
import { crc16, markerCells, markerTime, markerTimeDifferenceMs, readMarker, rgbaPlane, yPlane } from "./marker";

function paint(marker: { frame: number; time: number }, width: number, height: number): Uint8Array {
  const plane = new Uint8Array(width * height).fill(90);
  for (const cell of markerCells(marker, width, height)) {
    for (let y = cell.y; y < cell.y + cell.height; y++) {
      plane.fill(cell.white ? 235 : 16, y * width + cell.x, y * width + cell.x + cell.width);
    }
  }
  return plane;
}

describe("marker", () => {
  test("the CRC is CCITT-FALSE, by its published check value", () => {
    expect(crc16(new TextEncoder().encode("123456789"))).toBe(0x29b1);
  });

  test.each([
    [640, 360],
    [320, 180],
    [1280, 720],
    [500, 33],
    [32, 8],
  ])("what is written at %ix%i is read back", (width, height) => {
    const marker = { frame: 0x80000001, time: 0xfedcba98 };
    expect(readMarker(yPlane(paint(marker, width, height), width, height, width))).toEqual(marker);
  });

  test("it is read from RGBA too, and through a blur of the cell edges", () => {
    const [width, height] = [640, 360];
    const plane = paint({ frame: 77, time: 12345 }, width, height);
    const blurred = plane.map((value, i) => ((plane[i - 1] ?? value) + value + (plane[i + 1] ?? value)) / 3);
    const rgba = new Uint8ClampedArray(width * height * 4);
    blurred.forEach((value, i) => rgba.fill(value, i * 4, i * 4 + 3));
    expect(readMarker(rgbaPlane(rgba, width, height))).toEqual({ frame: 77, time: 12345 });
  });

  test("a picture without a marker, or with a damaged one, reads as none", () => {
    const [width, height] = [640, 360];
    expect(readMarker(yPlane(new Uint8Array(width * height), width, height, width))).toBeUndefined();
    expect(readMarker(yPlane(new Uint8Array(width * height).fill(255), width, height, width))).toBeUndefined();
    const plane = paint({ frame: 5, time: 6 }, width, height);
    for (let y = 0; y < 20; y++) plane.fill(235, y * width, y * width + 20);
    expect(readMarker(yPlane(plane, width, height, width))).toBeUndefined();
    expect(readMarker(yPlane(new Uint8Array(62), 31, 2, 31))).toBeUndefined();
  });

  test("differences of times hold across the wrap-around", () => {
    expect(markerTime(429_496_729.6)).toBe(0);
    expect(markerTimeDifferenceMs(0xffffffff, 9)).toBe(1);
    expect(markerTimeDifferenceMs(9, 0xffffffff)).toBe(-1);
  });
});
