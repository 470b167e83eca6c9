import { expect, test } from "vitest";
import { KEYFRAME_INTERVAL, KeyframeBudget } from "../../../src/broadcast/keyframe-budget.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

function start() {
  const clock = new FakeClock();
  const begun = clock.now();
  const granted: number[] = [];
  const budget = new KeyframeBudget(clock, () => granted.push(clock.now() - begun));
  return { clock, granted, budget };
}

test("grants each occasional request at once", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 5; n++) {
    budget.request();
    await clock.advance(2 * KEYFRAME_INTERVAL);
  }
  expect(granted).toEqual([0, 1, 2, 3, 4].map((n) => n * 2 * KEYFRAME_INTERVAL));
});

test("grants a burst of constant requests, and then one per interval", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 100; n++) {
    budget.request();
    await clock.advance(100);
  }
  expect(granted.length).toBeGreaterThan(5);
  expect(granted.length).toBeLessThan(10);
  const waits = granted.slice(3).map((at, n) => at - (granted[n + 2] ?? 0));
  for (const wait of waits.slice(1)) expect(Math.abs(wait - KEYFRAME_INTERVAL)).toBeLessThan(200);
});

test("grants one keyframe later for requests over the budget, without a new request", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 9; n++) budget.request();
  await clock.advance(10 * KEYFRAME_INTERVAL);
  expect(granted).toEqual([0, 0, 0, KEYFRAME_INTERVAL]);
  expect(clock.timers).toBe(0);
});

test("grants nothing after it is closed", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 9; n++) budget.request();
  budget.close();
  await clock.advance(10 * KEYFRAME_INTERVAL);
  expect(granted).toHaveLength(3);
  expect(clock.timers).toBe(0);
});
