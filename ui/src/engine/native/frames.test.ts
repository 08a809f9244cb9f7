import { describe, expect, test } from "vitest";
import { acknowledgement, i420Bytes, i420ToRgba, parseFrame } from "./frames";

function message(width: number, height: number, change: (view: DataView) => void = () => undefined): ArrayBuffer {
  const buffer = new ArrayBuffer(24 + i420Bytes(width, height));
  const view = new DataView(buffer);
  view.setUint8(0, 1);
  view.setUint8(1, 1);
  view.setUint16(2, 0x0102, true);
  view.setUint32(4, width, true);
  view.setUint32(8, height, true);
  view.setUint32(12, 0xfffffffe, true);
  view.setBigUint64(16, 1_790_000_000_000_000n, true);
  change(view);
  return buffer;
}

describe("frames", () => {
  test("a frame is read field by field", () => {
    const frame = parseFrame(message(5, 3));
    expect(frame).toMatchObject({
      stream: 0x0102,
      width: 5,
      height: 3,
      sequence: 0xfffffffe,
      captureTimeUs: 1_790_000_000_000_000,
    });
    expect(frame?.planes).toHaveLength(15 + 2 * 3 * 2);
  });

  test.each([
    ["too short", new ArrayBuffer(23)],
    ["of another version", message(4, 4, (view) => view.setUint8(0, 2))],
    ["of another format", message(4, 4, (view) => view.setUint8(1, 2))],
    ["cut off", message(4, 4).slice(0, -1)],
    ["of a size that lies", message(4, 4, (view) => view.setUint32(4, 0xffffffff, true))],
    ["empty", message(4, 4, (view) => view.setUint32(8, 0, true))],
  ])("a message %s is no frame", (_, buffer) => {
    expect(parseFrame(buffer)).toBeUndefined();
  });

  test("an acknowledgement names stream and sequence number", () => {
    const frame = parseFrame(message(2, 2));
    if (frame === undefined) throw new Error("no frame");
    expect([...new Uint8Array(acknowledgement(frame))]).toEqual([0x02, 0x01, 0xfe, 0xff, 0xff, 0xff]);
  });
});

test("colours come out as BT.601 says", () => {
  const picture = (y: number, u: number, v: number) => ({
    width: 1,
    height: 1,
    planes: new Uint8Array([y, u, v]),
  });
  const close = (planes: ReturnType<typeof picture>, rgb: number[]) => {
    const out = i420ToRgba(planes);
    rgb.forEach((value, i) => expect(Math.abs((out[i] ?? NaN) - value)).toBeLessThanOrEqual(2));
    expect(out[3]).toBe(255);
  };
  close(picture(235, 128, 128), [255, 255, 255]);
  close(picture(16, 128, 128), [0, 0, 0]);
  close(picture(81, 90, 240), [255, 0, 0]);
  close(picture(145, 54, 34), [0, 255, 0]);
  close(picture(41, 240, 110), [0, 0, 255]);
});
