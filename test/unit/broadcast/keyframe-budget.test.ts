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

test("a viewer that asks now and then gets each at once", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 5; n++) {
    budget.request();
    await clock.advance(2 * KEYFRAME_INTERVAL);
  }
  expect(granted).toEqual([0, 1, 2, 3, 4].map((n) => n * 2 * KEYFRAME_INTERVAL));
});

test("one that asks all the time gets a few, and then one in a while", async () => {
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

test("what it asks for too soon it gets later, though it does not ask again", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 9; n++) budget.request();
  await clock.advance(10 * KEYFRAME_INTERVAL);
  expect(granted).toEqual([0, 0, 0, KEYFRAME_INTERVAL]);
  expect(clock.timers).toBe(0);
});

test("gone, it gets none", async () => {
  const { clock, granted, budget } = start();
  for (let n = 0; n < 9; n++) budget.request();
  budget.close();
  await clock.advance(10 * KEYFRAME_INTERVAL);
  expect(granted).toHaveLength(3);
  expect(clock.timers).toBe(0);
});
