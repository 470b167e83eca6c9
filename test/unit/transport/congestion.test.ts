import { beforeEach, describe, expect, test } from "vitest";
import { Congestion } from "../../../src/transport/session/congestion.ts";
import type { NetworkState } from "../../../src/transport/session/delivery.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let congestion: Congestion;
beforeEach(() => {
  clock = new FakeClock();
  congestion = new Congestion(clock);
});

/** Reports once a second, for so many seconds; the levels after each. */
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
    congestion.reported({ fractionLost, roundTrip, sent, packets });
    levels.push(congestion.level);
  }
  return levels;
}

describe("a viewer's level", () => {
  test("is the full one for as long as nothing speaks against it", async () => {
    expect(await reports(60, { fractionLost: 0.05 })).toEqual(Array(60).fill(0));
  });

  test("falls at the first report of heavy loss, and at the third of some", async () => {
    expect(await reports(1, { fractionLost: 0.2 })).toEqual([1]);
    clock = new FakeClock();
    congestion = new Congestion(clock);
    expect(await reports(3, { fractionLost: 0.13, packets: 100 })).toEqual([0, 0, 1]);
  });

  test("does not fall for the loss of one packet in four, nor for one long round trip", async () => {
    await reports(5);
    expect(await reports(1, { fractionLost: 0.25, packets: 4 })).toEqual([0]);
    await reports(5);
    expect(await reports(1, { roundTrip: 900 })).toEqual([0]);
    expect(await reports(5)).toEqual([0, 0, 0, 0, 0]);
  });

  test("falls when the round trip grows and stays", async () => {
    await reports(3);
    expect(await reports(2, { roundTrip: 160 })).toEqual([0, 1]);
  });

  test("is not fooled by a way that is long, but no longer than before", async () => {
    expect(await reports(20, { roundTrip: 400 })).toEqual(Array(20).fill(0));
  });

  test("falls when the estimate does while the round trip grows, straight to what fits", async () => {
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

  test("is not fooled by an estimate that begins low, nor by one that falls with no other sign", async () => {
    expect(await reports(5, { estimate: 300_000, roundTrip: 60 })).toEqual([0, 0, 0, 0, 0]);
    expect(await reports(5, { estimate: 4_000_000 })).toEqual([0, 0, 0, 0, 0]);
    expect(await reports(5, { estimate: 1_000_000, fractionLost: 0.05 })).toEqual([0, 0, 0, 0, 0]);
  });

  test("waits for its new rate to be spoken of before it falls again", async () => {
    await reports(1, { fractionLost: 0.5 });
    expect(await reports(4, { fractionLost: 0.5, sent: 700_000 })).toEqual([1, 2, 2, 3]);
  });

  test("an estimate that is old says nothing", async () => {
    congestion.estimated(100_000);
    await clock.advance(5000);
    expect(await reports(3)).toEqual([0, 0, 0]);
  });
});

describe("the way up", () => {
  test("is tried after five quiet seconds, and not where the estimate leaves no room", async () => {
    await reports(1, { fractionLost: 0.5 });
    expect(await reports(20, { sent: 700_000, estimate: 750_000 })).toEqual(Array(20).fill(1));
    expect(await reports(1, { sent: 700_000, estimate: 1_000_000 })).toEqual([0]);
  });

  test("is tried more seldom each time that it fails, so that the picture does not swing", async () => {
    await reports(1, { fractionLost: 0.5 });
    const tries: number[] = [];
    let level = congestion.level;
    for (let second = 1; second <= 300; second++) {
      // The network carries level 1, and no more.
      await reports(1, congestion.level === 0 ? { fractionLost: 0.5 } : { sent: 700_000 });
      if (congestion.level < level) tries.push(second);
      level = congestion.level;
    }
    const waits = tries.map((at, n) => at - (tries[n - 1] ?? 0));
    expect(tries.length).toBeLessThan(7);
    for (const [n, wait] of waits.entries())
      if (n > 0 && n < 5) expect(wait).toBeGreaterThan(1.5 * (waits[n - 1] ?? 0));
  });

  test("that has held is not held against the next", async () => {
    await reports(1, { fractionLost: 0.5 });
    await reports(5, { sent: 700_000 });
    expect(congestion.level).toBe(0);
    await reports(12);
    await reports(1, { fractionLost: 0.5 });
    expect(congestion.level).toBe(1);
    expect(await reports(5, { sent: 700_000 })).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("where arrivals are told", () => {
  const wide: NetworkState = {
    queue: 0,
    lost: 0,
    packets: 150,
    capacity: 90e6,
    capacityNow: 90e6,
    arrived: 3e6,
  };
  const BITRATE = 3_000_000;

  async function told(state: typeof wide, seconds = 0.1, bitrate = BITRATE): Promise<number> {
    for (let n = 0; n < seconds * 10; n++) {
      await clock.advance(100);
      congestion.measured(state, bitrate);
    }
    return congestion.level;
  }

  test("falls at once, straight to what the link carries, where a queue stands before a narrow one", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, arrived: 1_100_000 };
    expect(await told({ ...narrow, queue: 40 })).toBe(0);
    expect(await told({ ...narrow, queue: 100 })).toBe(2);
  });

  test("falls at loss where the link is narrow, and for a twentieth of the packets nowhere", async () => {
    await told(wide, 3);
    expect(await told({ ...wide, lost: 0.05 }, 60)).toBe(0);
    expect(await told({ ...wide, lost: 0.15 }, 60)).toBe(0);
    expect(await told({ ...wide, lost: 0.15, capacityNow: 2_200_000 })).toBe(1);
  });

  test("falls by a level where only a long queue or much loss is seen", async () => {
    expect(await told({ ...wide, queue: 200 }, 0.4)).toBe(0);
    expect(await told({ ...wide, queue: 200 }, 0.2)).toBe(1);
    await told(wide, 30);
    expect(await told({ ...wide, lost: 0.3 })).toBe(1);
  });

  test("hears no report any more: they have told of loss that was not there", async () => {
    await told(wide, 1);
    expect(await reports(5, { fractionLost: 0.5 })).toEqual([0, 0, 0, 0, 0]);
  });

  test("does not fall again for what was on its way when it fell", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, arrived: 1_100_000, queue: 300 };
    expect(await told(narrow)).toBe(2);
    expect(await told({ ...narrow, queue: 390 }, 1.5, BITRATE / 4)).toBe(2);
  });

  test("goes up when the link is seen to carry more, and never while it is not", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_100_000, capacity: 1_100_000, arrived: 1_100_000 };
    await told({ ...narrow, queue: 100 });
    expect(await told(narrow, 300, BITRATE / 4)).toBe(2);
    const unseen = { queue: 0, lost: 0, packets: 9, capacity: undefined, capacityNow: undefined, arrived: 0 };
    congestion.measured(unseen, BITRATE / 4);
    expect(congestion.level).toBe(2);
    expect(await told(unseen, 4, BITRATE / 4)).toBe(2);
    congestion.measured({ ...wide, capacity: 2_400_000 }, BITRATE / 4);
    expect(congestion.level).toBe(1);
  });

  test("tries to go up where nothing tells what the link carries, ever more rarely where that fails", async () => {
    await told(wide, 3);
    const narrow = { ...wide, capacityNow: 1_300_000, capacity: undefined, arrived: 1_300_000, queue: 100 };
    expect(await told(narrow)).toBe(2);
    const unseen = { queue: 0, lost: 0, packets: 9, capacity: undefined, capacityNow: undefined, arrived: 0 };
    let tries = 0;
    for (let second = 0; second < 300; second++) {
      if ((await told(unseen, 1, BITRATE / 4)) === 2) continue;
      tries++;
      for (let at = 1; at < 2; ) at = await told(narrow, 1, BITRATE / 2);
    }
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(8);
  });
});
