import { expect, test } from "vitest";
import { type SendingSample, START_TARGET, VideoLadder, type VideoTarget } from "./VideoLadder";

const CAMERA = { width: 1920, height: 1080, framesPerSecond: 30 };

const quality = ({ framesPerSecond, height }: VideoTarget): string => `${height}p${framesPerSecond}`;

/** A ladder, and a second after the other of sending all the frames that it asks for, unless told otherwise. */
function sending(best = CAMERA) {
  const ladder = new VideoLadder();
  let nowMs = 0;
  return (seconds: number, sample: Partial<SendingSample>): string[] => {
    const seen: string[] = [];
    for (const end = nowMs + seconds * 1000; nowMs < end; nowMs += 1000) {
      const framesPerSecond = Math.min(ladder.target.framesPerSecond, best.framesPerSecond);
      const whole = { availableBps: undefined, loss: 0, cpuLimited: false, framesPerSecond };
      const now = quality(ladder.handle(nowMs, { ...whole, ...sample }, best));
      if (now !== seen[seen.length - 1]) seen.push(now);
    }
    return seen;
  };
}

test("a call begins small, and climbs one rung at a time when the path has proven more", () => {
  const send = sending();
  expect(quality(START_TARGET)).toBe("360p15");
  expect(send(3, { availableBps: 5_000_000 })).toEqual(["360p15"]);
  expect(send(25, { availableBps: 5_000_000 })).toEqual(["360p30", "540p15", "540p20", "540p30", "720p20", "720p30"]);
});

test("a browser that does not tell what the path takes proves nothing", () => {
  expect(sending()(60, {})).toEqual(["360p15"]);
});

test("a rung needs room to spare, so that it is not left again at once", () => {
  expect(sending()(30, { availableBps: 250_000 })).toEqual(["360p15"]);
  expect(sending()(30, { availableBps: 270_000 })).toEqual(["360p15", "360p30"]);
});

test("frame rate goes before size, and both come back in the opposite order", () => {
  const send = sending();
  expect(send(2, { availableBps: 80_000 })).toEqual(["360p15", "360p10"]);
  expect(send(2, { availableBps: 50_000 })).toEqual(["360p10", "360p7"]);
  expect(send(2, { availableBps: 35_000 })).toEqual(["360p7", "180p15"]);
  expect(send(2, { availableBps: 10_000 })).toEqual(["180p7"]);
  expect(send(20, { availableBps: 150_000 })).toEqual(["180p7", "180p10", "180p15", "360p7", "360p10", "360p15"]);
});

test("a dip of a second changes nothing, a fall everything at once", () => {
  const send = sending();
  send(30, { availableBps: 3_000_000 });
  expect(send(1, { availableBps: 900_000 })).toEqual(["720p30"]);
  expect(send(5, { availableBps: 3_000_000 })).toEqual(["720p30"]);
  expect(send(1, { availableBps: 150_000 })).toEqual(["360p15"]);
});

test("a path that loses packets is asked for less", () => {
  const send = sending();
  expect(send(30, { availableBps: 3_000_000, loss: 0.06 })).toEqual(["360p15"]);
  expect(send(30, { availableBps: 3_000_000 })).toContain("720p30");
  expect(send(30, { availableBps: 1_800_000, loss: 0.2 })).toEqual(["720p30", "720p20"]);
});

test("what the processor does not manage is left, and not tried again soon", () => {
  const send = sending();
  const wide = { availableBps: 3_000_000 };
  send(30, wide);
  expect(send(5, { ...wide, cpuLimited: true })).toEqual(["720p30", "720p20"]);
  expect(send(25, wide)).toEqual(["720p20"]);
  expect(send(20, wide)).toEqual(["720p20", "720p30"]);
  send(5, { ...wide, cpuLimited: true });
  expect(send(50, wide)).toEqual(["720p20"]);
});

test("frames that are not made count as much as a processor that complains", () => {
  const send = sending();
  send(6, { availableBps: 3_000_000 });
  expect(send(5, { availableBps: 3_000_000, framesPerSecond: 16 })).toEqual(["360p30", "360p15"]);
  expect(send(60, { availableBps: 3_000_000, framesPerSecond: 9 })).toEqual(["360p15"]);
});

test("a busy processor is not given more", () => {
  const send = sending();
  expect(send(30, { availableBps: 3_000_000, cpuLimited: true })).toEqual(["360p15"]);
  expect(send(10, { availableBps: 3_000_000 })).toContain("360p30");
});

test("nothing is asked for that the camera does not have", () => {
  const wide = { availableBps: 5_000_000 };
  expect(sending({ width: 640, height: 360, framesPerSecond: 15 })(60, wide)).toEqual(["360p15"]);
  expect(sending({ width: 640, height: 480, framesPerSecond: 29.97 })(60, wide)).toEqual(["360p15", "360p30"]);
  expect(sending({ width: 1280, height: 720, framesPerSecond: 15 })(60, wide)).toEqual(["360p15", "540p15", "720p20"]);
});

test("another camera that has less is not asked for what the last one had", () => {
  const ladder = new VideoLadder();
  const sample = { availableBps: 5_000_000, loss: 0, cpuLimited: false, framesPerSecond: 30 };
  for (let second = 0; second < 30; second++) ladder.handle(second * 1000, sample, CAMERA);
  expect(quality(ladder.target)).toBe("720p30");
  expect(quality(ladder.handle(31_000, sample, { width: 640, height: 360, framesPerSecond: 30 }))).toBe("360p30");
});
