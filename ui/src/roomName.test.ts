import { expect, test } from "vitest";
import { cryptoRandom, newRoomName } from "./roomName";
import { parseRoomName } from "./routes";

test("a new name reads as colour, animal and number, and is a valid room", () => {
  for (let i = 0; i < 200; i++) {
    const name = newRoomName();
    expect(name).toMatch(/^[a-z]+-[a-z]+-\d{1,4}$/);
    expect(parseRoomName(name)).toBe(name);
  }
  expect(newRoomName(() => 0)).toBe("amber-badger-0");
  expect(newRoomName((below) => below - 1)).toBe("yellow-zebra-9999");
});

test("random numbers cover their range and stay in it", () => {
  const seen = new Set(Array.from({ length: 2000 }, () => cryptoRandom(7)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
