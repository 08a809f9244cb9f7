import { beforeEach, describe, expect, test } from "vitest";
import { PATIENCE_MS, type PageClock, PaintTurns } from "./PaintTurns";

/** A page that is drawn when the test says so. */
class Page implements PageClock {
  time = 0;
  drawings = 0;
  #drawing: (() => void)[] = [];
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  onNextDrawing(callback: () => void): void {
    this.#drawing.push(callback);
  }

  after(milliseconds: number, callback: () => void): void {
    this.#timers.push({ at: this.time + milliseconds, callback });
  }

  draw(): void {
    const callbacks = this.#drawing.splice(0);
    if (callbacks.length > 0) this.drawings += 1;
    for (const callback of callbacks) callback();
  }

  pass(milliseconds: number): void {
    this.time += milliseconds;
    const due = this.#timers.filter(({ at }) => at <= this.time);
    this.#timers = this.#timers.filter(({ at }) => at > this.time);
    for (const { callback } of due) callback();
  }
}

describe("turns of painting", () => {
  let page: Page;
  let turns: PaintTurns;
  let painted: string[];
  const other = () => painted.push("other");
  const own = () => painted.push("own");

  beforeEach(() => {
    page = new Page();
    turns = new PaintTurns(page);
    painted = [];
  });

  test("a stream alone is painted at the next drawing", () => {
    turns.along(own);
    page.draw();
    expect(painted).toEqual(["own"]);
  });

  test("beside another stream it waits for that one, and both take one drawing", () => {
    turns.soon(other);
    page.draw();
    page.pass(20);
    turns.along(own);
    page.draw();
    expect(painted).toEqual(["other"]);
    page.pass(46);
    turns.soon(other);
    page.draw();
    expect(painted).toEqual(["other", "own", "other"]);
    expect(page.drawings).toBe(2);
  });

  test("another stream that stops holds it up once, and not for long", () => {
    turns.soon(other);
    page.draw();
    page.pass(20);
    turns.along(own);
    page.pass(PATIENCE_MS);
    page.draw();
    expect(painted).toEqual(["other", "own"]);
    turns.along(own);
    page.draw();
    expect(painted).toEqual(["other", "own", "own"]);
  });

  test("a timer that comes after the turn asks for nothing", () => {
    turns.soon(other);
    turns.along(own);
    page.draw();
    page.pass(2 * PATIENCE_MS);
    page.draw();
    expect(page.drawings).toBe(1);
  });
});
