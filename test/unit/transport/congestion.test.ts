import { beforeEach, describe, expect, test } from "vitest";
import type { NetworkState } from "../../../src/transport/session/bandwidth-estimate.ts";
import { Congestion } from "../../../src/transport/session/congestion.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let congestion: Congestion;
beforeEach(() => {
  clock = new FakeClock();
  congestion = new Congestion(clock);
});

/** Sends a report each second, and returns the level after each one. */
async function reports(
  seconds: number,
  {
    fractionLost = 0,
    roundTrip = 20,
    sent = 3_000_000,
    packets = 300,
    estimate = undefined as number | undefined,
  } = {},
): Promise<number[]> {
  const levels: number[] = [];
  for (let n = 0; n < seconds; n++) {
    await clock.advance(1000);
    if (estimate !== undefined) congestion.estimated(estimate);
    congestion.reported({ fractionLost, roundTrip, sent, packets }, 3_000_000);
    levels.push(congestion.level);
  }
  return levels;
}

describe("a viewer's level", () => {
  test("is 0 without congestion", async () => {
    expect(await reports(60, { fractionLost: 0.05 })).toEqual(Array(60).fill(0));
  });

  test("steps down at the first report of heavy loss, and at the third of moderate loss", async () => {
    expect(await reports(1, { fractionLost: 0.2 })).toEqual([1]);
    clock = new FakeClock();
    congestion = new Congestion(clock);
    expect(await reports(3, { fractionLost: 0.13, packets: 100 })).toEqual([0, 0, 1]);
  });

  test("does not step down for one lost packet of four, nor for one long round trip", async () => {
    await reports(5);
    expect(await reports(1, { fractionLost: 0.25, packets: 4 })).toEqual([0]);
    await reports(5);
    expect(await reports(1, { roundTrip: 900 })).toEqual([0]);
    expect(await reports(5)).toEqual([0, 0, 0, 0, 0]);
  });

  test("steps down when the round trip grows and stays long", async () => {
    await reports(3);
    expect(await reports(2, { roundTrip: 160 })).toEqual([0, 1]);
  });

  test("ignores a long but constant round trip", async () => {
    expect(await reports(20, { roundTrip: 400 })).toEqual(Array(20).fill(0));
  });

  test("steps down to the level that fits when the estimate drops and the round trip grows", async () => {
    for (const [estimate, level] of [
      [1_600_000, 1],
      [900_000, 2],
      [400_000, 3],
    ] as const) {
      clock = new FakeClock();
      congestion = new Congestion(clock);
      await reports(5, { estimate: 3_500_000 });
      expect(await reports(1, { estimate, roundTrip: 55 })).toEqual([level]);
    }
  });

  test("ignores an estimate that starts low, and a drop that nothing confirms", async () => {
    expect(await reports(5, { estimate: 300_000, roundTrip: 60 })).toEqual([0, 0, 0, 0, 0]);
    expect(await reports(5, { estimate: 4_000_000 })).toEqual([0, 0, 0, 0, 0]);
    expect(await reports(5, { estimate: 1_000_000, fractionLost: 0.05 })).toEqual([0, 0, 0, 0, 0]);
  });

  test("waits for reports on the new bitrate before it steps down again", async () => {
    await reports(1, { fractionLost: 0.5 });
    expect(await reports(4, { fractionLost: 0.5, sent: 700_000 })).toEqual([1, 2, 2, 3]);
  });

  test("ignores an old estimate", async () => {
    congestion.estimated(100_000);
    await clock.advance(5000);
    expect(await reports(3)).toEqual([0, 0, 0]);
  });
});

describe("a trial step up", () => {
  test("comes after five seconds without congestion, unless the estimate leaves no headroom", async () => {
    await reports(1, { fractionLost: 0.5 });
    expect(await reports(20, { sent: 700_000, estimate: 750_000 })).toEqual(Array(20).fill(1));
    expect(await reports(1, { sent: 700_000, estimate: 1_000_000 })).toEqual([0]);
  });

  test("backs off after each failure, so that the picture does not oscillate", async () => {
    await reports(1, { fractionLost: 0.5 });
    const tries: number[] = [];
    let level = congestion.level;
    for (let second = 1; second <= 300; second++) {
      // The network has capacity for level 1 only.
      await reports(1, congestion.level === 0 ? { fractionLost: 0.5 } : { sent: 700_000 });
      if (congestion.level < level) tries.push(second);
      level = congestion.level;
    }
    const waits = tries.map((at, n) => at - (tries[n - 1] ?? 0));
    expect(tries.length).toBeLessThan(7);
    for (const [n, wait] of waits.entries())
      if (n > 0 && n < 5) expect(wait).toBeGreaterThan(1.5 * (waits[n - 1] ?? 0));
  });

  test("resets the back-off if it succeeds", async () => {
    await reports(1, { fractionLost: 0.5 });
    await reports(5, { sent: 700_000 });
    expect(congestion.level).toBe(0);
    await reports(12);
    await reports(1, { fractionLost: 0.5 });
    expect(congestion.level).toBe(1);
    expect(await reports(5, { sent: 700_000 })).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("with transport-wide feedback", () => {
  const wide: NetworkState = {
    queue: 0,
    lost: 0,
    packets: 150,
    capacity: 90e6,
    capacityNow: 90e6,
    arrived: 3e6,
  };
  const BITRATE = 3_000_000;

  async function told(state: typeof wide, seconds = 0.1): Promise<number> {
    for (let n = 0; n < seconds * 10; n++) {
      await clock.advance(100);
      congestion.measured(state, BITRATE);
    }
    return congestion.level;
  }

  test("steps down immediately to the capacity when a queue builds up at a narrow link", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, arrived: 1_100_000 };
    expect(await told({ ...narrow, queue: 40 })).toBe(0);
    expect(await told({ ...narrow, queue: 100 })).toBe(2);
  });

  test("steps down at loss on a narrow link, and never for a loss of 5 %", async () => {
    await told(wide, 3);
    expect(await told({ ...wide, lost: 0.05 }, 60)).toBe(0);
    expect(await told({ ...wide, lost: 0.15 }, 60)).toBe(0);
    expect(await told({ ...wide, lost: 0.15, capacityNow: 2_200_000 })).toBe(1);
  });

  test("steps down one level at a long queue or heavy loss alone", async () => {
    expect(await told({ ...wide, queue: 200 }, 0.9)).toBe(0);
    expect(await told({ ...wide, queue: 200 }, 0.2)).toBe(1);
    await told(wide, 30);
    expect(await told({ ...wide, lost: 0.3 })).toBe(1);
  });

  test("ignores receiver reports: browsers have reported loss that did not happen", async () => {
    await told(wide, 1);
    expect(await reports(5, { fractionLost: 0.5 })).toEqual([0, 0, 0, 0, 0]);
  });

  test("does not step down again for packets in flight at the last step", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, arrived: 1_100_000, queue: 300 };
    expect(await told(narrow)).toBe(2);
    expect(await told({ ...narrow, queue: 390 }, 1.5)).toBe(2);
  });

  test("steps up when the measured capacity grows, and not before", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, capacity: 1_100_000, arrived: 1_100_000 };
    await told({ ...narrow, queue: 100 });
    expect(await told(narrow, 300)).toBe(2);
    const unseen = { queue: 0, lost: 0, packets: 9, capacity: undefined, capacityNow: undefined, arrived: 0 };
    congestion.measured(unseen, BITRATE);
    expect(congestion.level).toBe(2);
    expect(await told(unseen, 4)).toBe(2);
    congestion.measured({ ...wide, capacity: 2_400_000 }, BITRATE);
    expect(congestion.level).toBe(1);
  });

  test("tries a step up with back-off when the capacity is unknown", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_300_000, capacity: undefined, arrived: 1_300_000, queue: 100 };
    expect(await told(narrow)).toBe(2);
    const unseen = { queue: 0, lost: 0, packets: 9, capacity: undefined, capacityNow: undefined, arrived: 0 };
    let tries = 0;
    for (let second = 0; second < 300; second++) {
      if ((await told(unseen, 1)) === 2) continue;
      tries++;
      for (let at = 1; at < 2; ) at = await told(narrow, 1);
    }
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(8);
  });
});
