import { expect, test } from "vitest";
import { REASONS, reportWords, WORDS_LENGTH } from "./report";
import { strings } from "./strings";

test("every reason that there are words for can be chosen", () => {
  expect([...REASONS].sort()).toEqual(Object.keys(strings.safety.reasons).sort());
});

test("words keep their lines and lose what the server refuses", () => {
  expect(reportWords(" One\r\n\ttwo\u0000\u001b[31m\ud800 ")).toBe("One\n\ttwo[31m");
});

test("words that are cut within a character are still text", () => {
  const fits = "x".repeat(WORDS_LENGTH - 1);
  expect(reportWords(`${fits}🦉`)).toBe(fits);
});
