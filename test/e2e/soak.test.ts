import { expect, test } from "vitest";
import { soak } from "../../bench/soak/run.ts";

test("after ninety seconds of joins and leaves every viewer is live, and nothing leaks", async () => {
  const { joins, frozen, refused, frames, restarts, before, after } = await soak({
    minutes: 1.5,
    viewers: 4,
    seed: 3,
    tell: () => {},
  });
  expect({ frozen, refused }).toEqual({ frozen: 0, refused: [] });
  expect(joins).toBeGreaterThan(10);
  expect(restarts).toBeGreaterThan(2);
  expect(frames).toBeGreaterThan(700);
  // Viewers were there before; none are now.
  expect(after.resources).toBeLessThanOrEqual(before.resources);
  expect(after.memory).toBeLessThan(before.memory + 60);
}, 200_000);
