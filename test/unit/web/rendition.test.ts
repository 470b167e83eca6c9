import { expect, test } from "vitest";
import { LADDER } from "../../../src/shared/ladder.ts";
import { reductionOf, renditionName } from "../../../web/player/figures/rendition.ts";

const FULL = { width: 1920, height: 1080, fps: 29.97 };

test.each([
  [0, "full", undefined],
  [1, "full size, coarser", "coarser"],
  [2, "960 × 540 of 1920 × 1080", "smaller"],
  [3, "960 × 540 of 1920 × 1080, coarser", "smaller"],
  [4, "480 × 270 of 1920 × 1080, 15 of 30 fps", "smaller"],
] as const)("rendition %d of a large picture is named: %s", (level, name, reduction) => {
  expect(renditionName(level, FULL).replaceAll("\u00a0", " ")).toBe(name);
  expect(reductionOf(level, FULL)).toBe(reduction);
});

test("a lower rendition of a small picture keeps its size and becomes coarser", () => {
  const small = { width: 480, height: 270, fps: 20 };
  expect(renditionName(2, small)).toBe("full size, coarser");
  expect(renditionName(4, small)).toBe("full size, coarser, 10 of 20 fps");
  expect(reductionOf(4, small)).toBe("coarser");
});

test("the rendition of a picture that is not described yet is named without its size", () => {
  for (const full of [undefined, { width: 0, height: 0, fps: 0 }]) {
    expect(renditionName(4, full)).toBe("smaller, one frame in 2");
    expect(reductionOf(4, full)).toBe("smaller");
  }
  expect(renditionName(undefined, undefined)).toBe("–");
});

test("only the first rendition is named full", () => {
  for (const [level] of LADDER.entries()) {
    expect(renditionName(level, FULL) === "full").toBe(level === 0);
    expect(reductionOf(level, FULL) === undefined).toBe(level === 0);
  }
});
