import { afterEach, expect, test, vi } from "vitest";
import { watchNetwork } from "./network";

/** A browser whose network has this type, and how often it was said to have changed. */
function browser(type?: string) {
  const window = new EventTarget();
  const connection = Object.assign(new EventTarget(), { type });
  vi.stubGlobal("window", window);
  vi.stubGlobal("navigator", { connection });
  let changes = 0;
  watchNetwork(() => (changes += 1));
  const become = (next: string | undefined): number => {
    connection.type = next;
    connection.dispatchEvent(new Event("change"));
    return changes;
  };
  return { window, become, changes: () => changes };
}

afterEach(() => vi.unstubAllGlobals());

test("a network that is back is a change", () => {
  const { window, changes } = browser();
  window.dispatchEvent(new Event("online"));
  expect(changes()).toBe(1);
});

test("another kind of network is a change, another guess of its speed is none", () => {
  const { become } = browser("wifi");
  expect(become("wifi")).toBe(0);
  expect(become("cellular")).toBe(1);
  expect(become("cellular")).toBe(1);
});

test("no network is no change, until there is one again", () => {
  const { become } = browser("wifi");
  expect(become("none")).toBe(0);
  expect(become("wifi")).toBe(1);
});

test("a browser that tells no type changes only by being back", () => {
  const { become } = browser();
  expect(become(undefined)).toBe(0);
  vi.stubGlobal("navigator", {});
  expect(() => watchNetwork(() => undefined)).not.toThrow();
});
