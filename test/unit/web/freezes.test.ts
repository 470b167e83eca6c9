import { expect, test } from "vitest";
import { Freezes } from "../../../web/player/figures/freezes.ts";

/** @returns the count after these values of the browser's counter, one each half second; a star marks a still scene. */
function after(...counts: readonly (number | `${number}*`)[]): number {
  const freezes = new Freezes();
  for (const [n, value] of counts.entries())
    freezes.counted(Number.parseInt(String(value), 10), n * 500, String(value).endsWith("*"));
  return freezes.count;
}

test("freezes of a moving scene are counted", () => {
  expect(after(0, 1, 1, 3, 3, 3, 3, 3)).toBe(3);
});

test("pauses of a still scene are not counted, nor those just before and after", () => {
  expect(after(0, 0, 1, 1, "2*", "2*", "3*", 4, 4, 4, 4, 4, 4, 4, 4, 4)).toBe(0);
});

test("freezes from long before the pause stay counted", () => {
  expect(after(2, 2, 2, 2, 2, "3*", 3, 3, 3, 3, 4, 4, 4, 4, 4)).toBe(3);
});

test("a new connection starts without freezes", () => {
  expect(after(2, 2, 2, 2, 2, 0, 1, 1, 1, 1, 1)).toBe(1);
});
