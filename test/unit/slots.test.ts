import { expect, test } from "vitest";
import { Slots, Use } from "../../src/encoder/slots.ts";
import { FakeClock, settle } from "../fake-clock.ts";

/** A stream that has just used so much. */
async function used(clock: FakeClock, milliseconds: number): Promise<Use> {
  const use = new Use(clock);
  const end = use.begin();
  await clock.advance(milliseconds);
  end();
  return use;
}

/** Takes a place, and tells when it has it. */
function take(slots: Slots, use: Use, evict?: () => void) {
  const taking = { has: false, end: () => {} };
  void slots.take(use, evict).then((end) => Object.assign(taking, { has: true, end }));
  return taking;
}

test("what a stream uses counts while it lasts, and fades once it is past", async () => {
  const clock = new FakeClock();
  const use = new Use(clock);
  const end = use.begin();
  await clock.advance(3000);
  expect(use.recent).toBe(3000);
  end();
  await clock.advance(10_000);
  expect(use.recent).toBeCloseTo(3000 / Math.E);
  end();
  expect(use.recent).toBeCloseTo(3000 / Math.E);
});

test("the last place is kept for a stream that has used little", async () => {
  const clock = new FakeClock();
  const slots = new Slots(2);
  const slow = [await used(clock, 6000), await used(clock, 6000)] as const;
  const [first, second] = slow.map((use) => take(slots, use));
  await settle();
  expect([first?.has, second?.has]).toEqual([true, false]);

  const light = take(slots, new Use(clock));
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

test("of those that wait the one that has used least goes first, and no more go than there are places", async () => {
  const clock = new FakeClock();
  const slots = new Slots(2);
  const holders = [take(slots, new Use(clock)), take(slots, new Use(clock))];
  const waiting = [
    take(slots, await used(clock, 300)),
    take(slots, await used(clock, 20)),
    take(slots, await used(clock, 100)),
  ];
  const have = () => waiting.map(({ has }) => has);
  await settle();
  expect(have()).toEqual([false, false, false]);
  holders[0]?.end();
  holders[0]?.end();
  const late = take(slots, new Use(clock));
  await settle();
  expect([...have(), late.has]).toEqual([false, true, false, false]);
  waiting[1]?.end();
  await settle();
  expect([...have(), late.has]).toEqual([false, true, false, true]);
});

test("who holds a place long is asked to end, once, when one waits that has used less", async () => {
  const clock = new FakeClock();
  const slots = new Slots(2);
  const much = await used(clock, 60_000);
  const asked: string[] = [];
  const holders = ["first", "second"].map((name) => take(slots, new Use(clock), () => asked.push(name)));
  await clock.advance(5000);
  expect(asked).toEqual([]);
  const heavier = take(slots, much);
  await clock.advance(500);
  expect(asked).toEqual([]);
  const lighter = take(slots, new Use(clock));
  await clock.advance(150);
  expect(asked).toEqual(["first"]);
  holders[0]?.end();
  await settle();
  expect([lighter.has, heavier.has]).toEqual([true, false]);
});
