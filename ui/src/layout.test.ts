import { describe, expect, test } from "vitest";
import { arrange, type Rect, type Size, videoFit } from "./layout";

const stages: Size[] = [
  { width: 1280, height: 640 },
  { width: 390, height: 700 },
  { width: 700, height: 300 },
  { width: 200, height: 120 },
];

const inside = (rect: Rect, stage: Size): boolean =>
  rect.x >= -0.001 &&
  rect.y >= -0.001 &&
  rect.x + rect.width <= stage.width + 0.001 &&
  rect.y + rect.height <= stage.height + 0.001;

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe("arrange", () => {
  test("alone, the own picture has the whole stage", () => {
    expect(arrange({ width: 800, height: 600 }, 0)).toEqual({
      own: { x: 0, y: 0, width: 800, height: 600 },
      others: [],
      screens: [],
    });
  });

  test("one other has the whole stage, with the own picture in its corner", () => {
    const { own, others } = arrange({ width: 1280, height: 640 }, 1);
    expect(others).toEqual([{ x: 0, y: 0, width: 1280, height: 640 }]);
    expect(own).toEqual({ x: 972, y: 462, width: 296, height: 166 });
  });

  test.each(stages)("everything stays on a stage of $width x $height and apart", (stage) => {
    for (let count = 1; count <= 9; count++) {
      const { own, others } = arrange(stage, count);
      expect(others).toHaveLength(count);
      expect(inside(own, stage)).toBe(true);
      expect(own.width).toBeLessThanOrEqual(stage.width / 2);
      for (const [i, rect] of others.entries()) {
        expect(inside(rect, stage)).toBe(true);
        for (const other of others.slice(i + 1)) expect(overlap(rect, other)).toBe(false);
      }
    }
  });

  test.each(stages)("screens are large on a stage of $width x $height, and everybody beside them", (stage) => {
    for (let count = 0; count <= 5; count++) {
      for (const shared of [1, 2]) {
        const { own, others, screens } = arrange(stage, count, shared);
        expect([others.length, screens.length]).toEqual([count, shared]);
        const all = [...screens, ...others, own];
        for (const [i, rect] of all.entries()) {
          expect(inside(rect, stage)).toBe(true);
          for (const other of all.slice(i + 1)) expect(overlap(rect, other)).toBe(false);
        }
        const area = ({ width, height }: Size): number => width * height;
        const least = Math.min(...screens.map(area));
        for (const picture of [...others, own]) expect(area(picture)).toBeLessThanOrEqual(least);
      }
    }
  });

  test("a screen has four fifths of a wide stage, with the pictures on its right", () => {
    const { own, others, screens } = arrange({ width: 1280, height: 640 }, 1, 1);
    expect(screens).toEqual([{ x: 0, y: 0, width: 1012, height: 640 }]);
    expect(others[0]).toEqual({ x: 1024, y: 170, width: 256, height: 144 });
    expect(own).toEqual({ x: 1024, y: 326, width: 256, height: 144 });
  });

  test("two stand side by side on a wide stage and one above the other on a high one", () => {
    const [left, right] = arrange({ width: 1280, height: 640 }, 2).others;
    expect(left?.y).toBe(right?.y);
    const [top, bottom] = arrange({ width: 390, height: 700 }, 2).others;
    expect(top?.x).toBe(bottom?.x);
  });

  test("a last row that is not full is centred", () => {
    const { others } = arrange({ width: 1200, height: 700 }, 3);
    const last = others[2];
    expect(last && last.x + last.width / 2).toBeCloseTo(600);
    expect(last?.y).toBeGreaterThan(0);
  });
});

test("a picture fills a place of nearly its shape and is shown whole in any other", () => {
  expect(videoFit({ width: 640, height: 360 })).toBe("cover");
  expect(videoFit({ width: 1280, height: 640 })).toBe("cover");
  expect(videoFit({ width: 390, height: 700 })).toBe("contain");
  expect(videoFit({ width: 390, height: 700 }, { width: 9, height: 16 })).toBe("cover");
});
