import { expect, test } from "vitest";
import { FairSlots } from "../../../src/encoder/image/fair-slots.ts";
import { StreamUsage } from "../../../src/encoder/image/stream-usage.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

/** Streams that have just used this much decoding time, and none long before. */
async function used(clock: FakeClock, ...times: number[]): Promise<StreamUsage[]> {
  const uses = times.map(() => new StreamUsage(clock));
  await clock.advance(1_000_000);
  const longest = Math.max(...times);
  const ends = uses.map((use, i) => {
    const begin = () => {
      end = use.begin();
    };
    let end = () => {};
    clock.after(longest - (times[i] ?? 0), begin);
    return () => end();
  });
  await clock.advance(longest);
  for (const end of ends) end();
  return uses;
}

/** Waits for a slot; `has` says whether it is held. */
function take(slots: FairSlots, use: StreamUsage, evict?: () => void) {
  const taking = { has: false, end: () => {} };
  void slots.take(use, evict).then((end) => Object.assign(taking, { has: true, end }));
  return taking;
}

test("usage counts while it lasts, and decays afterwards", async () => {
  const clock = new FakeClock();
  const [use = new StreamUsage(clock)] = await used(clock, 0);
  const end = use.begin();
  await clock.advance(3000);
  expect(use.recent).toBeCloseTo(3000);
  end();
  await clock.advance(5000);
  expect(use.recent).toBeCloseTo(3000 / Math.E);
  end();
  expect(use.recent).toBeCloseTo(3000 / Math.E);
});

test("only reported work counts as usage, up to the time that the slot was held", async () => {
  const clock = new FakeClock();
  const [use = new StreamUsage(clock), other = new StreamUsage(clock)] = await used(clock, 0, 0);
  const ends = [use.begin(), other.begin()];
  await clock.advance(300);
  ends[0]?.(20);
  ends[1]?.(4000);
  expect([use.recent, other.recent].map(Math.round)).toEqual([20, 300]);
});

test("the last slot is kept for a stream that has used little", async () => {
  const clock = new FakeClock();
  const slots = new FairSlots(2);
  const [modest, ...slow] = await used(clock, 0, 6000, 6000);
  const [first, second] = slow.map((use) => take(slots, use));
  await settle();
  expect([first?.has, second?.has]).toEqual([true, false]);

  const light = take(slots, modest as StreamUsage);
  await settle();
  expect(light.has).toBe(true);
  light.end();
  await settle();
  expect(second?.has).toBe(false);
  first?.end();
  await settle();
  expect(second?.has).toBe(true);
  second?.end();
  expect(clock.timers).toBe(0);
});

test("of the waiting streams the one that has used least is next, within the number of slots", async () => {
  const clock = new FakeClock();
  const slots = new FairSlots(2);
  const uses = await used(clock, 0, 0, 300, 20, 100, 0);
  const [first, second, ...others] = uses.map((use) => () => take(slots, use));
  const holders = [first?.(), second?.()];
  const late = others.pop();
  const waiting = others.map((begin) => begin());
  const have = () => waiting.map(({ has }) => has);
  await settle();
  expect(have()).toEqual([false, false, false]);
  holders[0]?.end();
  holders[0]?.end();
  const last = late?.();
  await settle();
  expect([...have(), last?.has]).toEqual([false, true, false, false]);
  waiting[1]?.end();
  await settle();
  expect([...have(), last?.has]).toEqual([false, true, false, true]);
});

test("a stream that holds a slot for long is asked once to give it up for one that has used less", async () => {
  const clock = new FakeClock();
  const slots = new FairSlots(2);
  const [a, b, least, much] = (await used(clock, 0, 0, 0, 60_000)) as [
    StreamUsage,
    StreamUsage,
    StreamUsage,
    StreamUsage,
  ];
  const asked: string[] = [];
  const first = take(slots, a, () => asked.push("first"));
  take(slots, b, () => asked.push("second"));
  const heavier = take(slots, much);
  await clock.advance(3000);
  expect(asked).toEqual([]);
  const lighter = take(slots, least);
  await clock.advance(150);
  expect(asked).toEqual(["first"]);
  first.end();
  await settle();
  expect([lighter.has, heavier.has]).toEqual([true, false]);
});
