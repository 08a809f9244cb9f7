/** A stream that another one takes along waits for it no longer than this: one frame at 15 a second, and a little. */
export const PATIENCE_MS = 75;

/** What of the page the turns need. */
export interface PageClock {
  now(): number;
  /** Before the page is drawn the next time. */
  onNextDrawing(callback: () => void): void;
  after(milliseconds: number, callback: () => void): void;
}

/**
 * When pictures are painted. Each time something is painted the page is drawn anew, which costs more than the painting:
 * so a stream whose picture is not urgent is painted together with the others as long as those run.
 */
export class PaintTurns {
  readonly #clock: PageClock;
  readonly #waiting = new Set<() => void>();
  #scheduled = false;
  /** When a stream last asked for a turn of its own. */
  #askedAt = -Infinity;

  constructor(clock: PageClock = pageClock) {
    this.#clock = clock;
  }

  /** Paints before the page is drawn the next time. */
  soon(paint: () => void): void {
    this.#askedAt = this.#clock.now();
    this.#waiting.add(paint);
    this.#schedule();
  }

  /** Paints in the next turn of another stream, or soon if none comes. */
  along(paint: () => void): void {
    this.#waiting.add(paint);
    if (this.#clock.now() - this.#askedAt > PATIENCE_MS) return this.#schedule();
    this.#clock.after(PATIENCE_MS, () => {
      if (this.#waiting.has(paint)) this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.onNextDrawing(() => {
      this.#scheduled = false;
      const paints = [...this.#waiting];
      this.#waiting.clear();
      for (const paint of paints) paint();
    });
  }
}

const pageClock: PageClock = {
  now: () => performance.now(),
  onNextDrawing: (callback) => void requestAnimationFrame(callback),
  after: (milliseconds, callback) => void setTimeout(callback, milliseconds),
};
