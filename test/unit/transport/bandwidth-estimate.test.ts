import { beforeEach, describe, expect, test } from "vitest";
import { BandwidthEstimate } from "../../../src/transport/session/bandwidth-estimate.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let estimate: BandwidthEstimate;
beforeEach(() => {
  clock = new FakeClock();
  estimate = new BandwidthEstimate(clock);
});

/** Sends a frame, and returns its packets' counters. */
function frame(packets: number): number[] {
  return Array.from({ length: packets }, () => estimate.sent(1156));
}

/** Sends a frame every 50 ms over a link of `rate` bits per second; feedback comes 20 ms later. */
function watch(frames: number, packets: number, rate: number, lost: (n: number) => boolean = () => false) {
  let free = clock.now() as number;
  let state: ReturnType<BandwidthEstimate["feedback"]>;
  for (let n = 0; n < frames; n++) {
    const arrivals = frame(packets).map((counter) => {
      free = Math.max(free, clock.now()) + (1200 * 8000) / rate;
      return { counter: counter % 2 ** 16, at: lost(counter) ? undefined : free - 900_000 };
    });
    clock.pass(50);
    state = estimate.feedback(arrivals) ?? state;
  }
  return state;
}

describe("transport-wide feedback", () => {
  test("shows the capacity of the narrowest link and its queueing delay", () => {
    const wide = watch(20, 6, 100_000_000);
    expect(wide).toMatchObject({ queue: 0, lost: 0 });
    expect(wide?.capacity).toBeGreaterThan(20_000_000);
    const narrow = watch(40, 6, 1_000_000);
    expect(narrow?.capacity).toBeGreaterThan(900_000);
    expect(narrow?.capacity).toBeLessThan(1_100_000);
    expect(narrow?.queue).toBeGreaterThan(60);
  });

  test("shows the loss of the last second", () => {
    expect(watch(40, 5, 100_000_000, (counter) => counter % 5 === 0)?.lost).toBeCloseTo(0.2, 2);
    expect(watch(40, 5, 100_000_000)?.lost).toBe(0);
  });

  test("continues across the wrap of the counter", () => {
    const first = 2 ** 16 - 50;
    for (let n = 0; n < first; n++) estimate.sent(1000);
    expect(watch(40, 5, 100_000_000)).toMatchObject({ lost: 0, packets: 105 });
  });

  test("has no result for packets that were never sent or were reported before", () => {
    const [counter = 0] = frame(1);
    expect(estimate.feedback([{ counter: counter + 7, at: 5 }])).toBeUndefined();
    expect(estimate.feedback([{ counter, at: 5 }])).toBeDefined();
    expect(estimate.feedback([{ counter, at: 5 }])).toBeUndefined();
  });

  test("takes bounded memory if the receiver's time stands still or goes back", () => {
    for (const step of [0, -3]) {
      for (let n = 0; n < 30_000; n++) {
        const counter = estimate.sent(1000) % 2 ** 16;
        if (n % 20 === 0) clock.pass(1);
        estimate.feedback([{ counter, at: 1000 + step * n }]);
      }
      clock.pass(1000);
      const state = estimate.feedback([{ counter: estimate.sent(1000) % 2 ** 16, at: 1000 }]);
      // The history's size, not the number of packets received.
      expect(state?.arrived).toBeLessThanOrEqual((2048 * 1044 * 8000) / 500);
    }
  });

  test("is limited to 50 messages per second", () => {
    const counters = frame(200);
    const heard = counters.filter((counter) => estimate.feedback([{ counter, at: 1 }]) !== undefined);
    expect(heard).toHaveLength(50);
    clock.pass(1000);
    expect(estimate.feedback([{ counter: estimate.sent(1) % 2 ** 16, at: 2 }])).toBeDefined();
  });
});
