import { describe, expect, test } from "vitest";
import { Link, type Path, seeded } from "../../../bench/network/link.ts";

/** Pushes packets of this size at these times. Returns the place and the arrival time of each that arrived. */
function carry(path: Path, times: readonly number[], bytes = 1000, begin?: number) {
  const link = new Link(path, seeded(1));
  if (begin !== undefined) link.begin(begin);
  const arrived: { n: number; at: number }[] = [];
  const takeUntil = (now: number) => {
    for (let due = link.due; due !== undefined && due <= now; due = link.due) {
      for (let packet = link.pop(due); packet; packet = link.pop(due))
        arrived.push({ n: packet.readUInt32BE(), at: due });
    }
  };
  for (const [n, at] of times.entries()) {
    takeUntil(at);
    const packet = Buffer.alloc(bytes);
    packet.writeUInt32BE(n);
    link.push(packet, at);
  }
  takeUntil(Number.POSITIVE_INFINITY);
  return { arrived, counts: link.counts };
}

const every = (period: number, count: number) => Array.from({ length: count }, (_, n) => n * period);
const places = (arrived: readonly { n: number }[]) => arrived.map(({ n }) => n);

describe("Link", () => {
  test("only delays packets if it has no limits", () => {
    const { arrived, counts } = carry({ delay: 25 }, [0, 0, 7]);
    expect(arrived.map(({ at }) => at)).toEqual([25, 25, 32]);
    expect(counts).toEqual({ bytes: 3000, packets: 3, dropped: 0, lost: 0 });
  });

  test("releases no packet before it is due, and says when the next one is", () => {
    const link = new Link({ delay: 10 }, seeded(1));
    expect(link.due).toBeUndefined();
    link.push(Buffer.alloc(10), 100);
    expect([link.due, link.pop(109.9)]).toEqual([110, undefined]);
    expect(link.pop(110)).toHaveLength(10);
    expect(link.due).toBeUndefined();
  });

  test("serializes packets at its rate", () => {
    const { arrived } = carry({ delay: 5, rates: [{ from: 0, rate: 1_000_000 }] }, [0, 0, 100]);
    expect(arrived.map(({ at }) => at)).toEqual([13, 21, 113]);
  });

  test("is idle after a pause, and saves no capacity for later", () => {
    const { arrived } = carry({ delay: 0, rates: [{ from: 0, rate: 1_000_000 }] }, [0, 50, 50]);
    expect(arrived.map(({ at }) => at)).toEqual([8, 58, 66]);
  });

  test("drops packets while its queue is full, and accepts more once it has room", () => {
    const path = { delay: 0, rates: [{ from: 0, rate: 1_000_000 }], queue: 2000 };
    const { arrived, counts } = carry(path, [0, 0, 0, 8, 8]);
    expect(places(arrived)).toEqual([0, 1, 3]);
    expect(counts).toMatchObject({ packets: 3, dropped: 2, lost: 0 });
  });

  test("changes its rate as planned, counted from its start", () => {
    const rates = [
      { from: 0, rate: 8_000_000 },
      { from: 10, rate: 800_000 },
      { from: 40, rate: 8_000_000 },
    ];
    const { arrived } = carry({ delay: 0, rates }, [100, 110, 110, 130, 140], 1000, 100);
    // A packet that starts while the link is slow is slow to its end.
    expect(arrived.map(({ at }) => at)).toEqual([101, 120, 130, 140, 141]);
  });

  test("has its first rate before its start", () => {
    const rates = [
      { from: 0, rate: 8_000_000 },
      { from: 10, rate: 800_000 },
    ];
    const { arrived } = carry({ delay: 0, rates }, [0, 1000]);
    expect(arrived.map(({ at }) => at)).toEqual([1, 1001]);
  });

  test("keeps jitter within its bounds, and packets in order", () => {
    const times = every(3, 2000);
    const { arrived } = carry({ delay: 25, jitter: 10 }, times);
    expect(places(arrived)).toEqual(times.map((_, n) => n));
    const delays = arrived.map(({ n, at }) => at - (times[n] ?? 0));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(15);
    expect(Math.min(...delays)).toBeLessThan(17);
    expect(Math.max(...delays)).toBeLessThanOrEqual(35);
    expect(Math.max(...delays)).toBeGreaterThan(33);
  });

  test("reorders packets if asked to", () => {
    const { arrived } = carry({ delay: 25, jitter: 10, reorders: true }, every(1, 200));
    expect(places(arrived)).not.toEqual(every(1, 200));
    expect(places(arrived).sort((a, b) => a - b)).toEqual(every(1, 200));
    expect(arrived.map(({ at }) => at)).toEqual(arrived.map(({ at }) => at).sort((a, b) => a - b));
  });

  test("loses packets one by one", () => {
    const { arrived, counts } = carry({ delay: 1, loss: 0.05 }, every(1, 20_000));
    expect(counts.lost / counts.packets).toBeCloseTo(0.05, 2);
    expect(arrived).toHaveLength(20_000 - counts.lost);
    expect(lengthOfGaps(places(arrived))).toBeCloseTo(1.05, 1);
  });

  test("loses packets in bursts", () => {
    const { arrived, counts } = carry({ delay: 1, loss: 0.02, burst: 5 }, every(1, 50_000));
    expect(counts.lost / counts.packets).toBeCloseTo(0.02, 2);
    expect(lengthOfGaps(places(arrived))).toBeGreaterThan(4);
    expect(lengthOfGaps(places(arrived))).toBeLessThan(6);
  });

  test("loses the same packets with the same seed", () => {
    const lost = () => places(carry({ delay: 1, jitter: 1, loss: 0.1, burst: 3 }, every(1, 500)).arrived);
    expect(lost()).toEqual(lost());
  });
});

test("seeded numbers differ by seed and lie from 0 to below 1", () => {
  const numbers = Array.from({ length: 1000 }, seeded(7));
  expect(numbers).not.toEqual(Array.from({ length: 1000 }, seeded(8)));
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(numbers.reduce((a, b) => a + b) / 1000).toBeCloseTo(0.5, 1);
});

/** The mean length of the gaps of missing packets. */
function lengthOfGaps(arrived: readonly number[]): number {
  const gaps = arrived.map((n, i) => n - (arrived[i - 1] ?? -1) - 1).filter((gap) => gap > 0);
  return gaps.reduce((a, b) => a + b, 0) / gaps.length;
}
