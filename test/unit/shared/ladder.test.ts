import { expect, test } from "vitest";
import { LADDER, rungOf, sizeAt } from "../../../src/shared/ladder.ts";

test("each rung takes fewer bits than the one above, at the same scale or a smaller one", () => {
  for (const [level, { share, scale }] of LADDER.entries()) {
    if (level === 0) continue;
    expect(share).toBeLessThan(rungOf(level - 1).share);
    expect(scale).toBeGreaterThanOrEqual(rungOf(level - 1).scale);
  }
  expect(rungOf(0)).toEqual({ share: 1, every: 1, scale: 1 });
});

test.each([
  [0, 1921, 1081, 1921, 1081],
  [1, 1921, 1081, 1921, 1081],
  [2, 1921, 1081, 960, 540],
  [3, 960, 540, 480, 270],
  [4, 1920, 1080, 480, 270],
  // A quarter of this size would be too small to show anything.
  [4, 960, 540, 480, 270],
  [4, 480, 270, 480, 270],
  [2, 358, 641, 358, 641],
  [2, 362, 641, 182, 320],
])("level %i of a %ix%i picture has %ix%i pixels", (level, width, height, scaledWidth, scaledHeight) => {
  expect(sizeAt(level, width, height)).toEqual({ width: scaledWidth, height: scaledHeight });
});
