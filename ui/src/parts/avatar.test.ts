import { expect, test } from "vitest";
import { avatar } from "./avatar";

test("initials come from the first and the last word", () => {
  expect(avatar("Ada").initials).toBe("A");
  expect(avatar("  ada  augusta lovelace ").initials).toBe("AL");
  expect(avatar("🦉 owl").initials).toBe("🦉O");
  expect(avatar("").initials).toBe("");
});

test("a name keeps its colour, and names have different ones", () => {
  expect(avatar("Ada")).toEqual(avatar(" Ada "));
  const colours = new Set(["Ada", "Ben", "Cy", "Dora", "Eve", "Finn", "Gus", "Hal"].map((name) => avatar(name).colour));
  expect(colours.size).toBeGreaterThan(2);
  for (const colour of colours) expect([1, 2, 3, 4, 5]).toContain(colour);
});
