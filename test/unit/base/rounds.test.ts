import { expect, test } from "vitest";
import { Rounds } from "../../../src/base/rounds.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

test("everybody has a turn each second, spread over the second", async () => {
  const clock = new FakeClock();
  const rounds = new Rounds(clock);
  const turns = Array.from({ length: 40 }, () => [] as number[]);
  for (const mine of turns) rounds.everySecond(() => mine.push(clock.now()));
  await clock.advance(3000);
  for (const mine of turns) {
    expect(mine).toHaveLength(3);
    expect((mine[1] ?? 0) - (mine[0] ?? 0)).toBe(1000);
  }
  const at = new Map<number, number>();
  for (const [first = 0] of turns) at.set(first, (at.get(first) ?? 0) + 1);
  expect([...at.values()]).toEqual(Array(10).fill(4));
});

test("stopped callbacks have no more turns, and the last to stop leaves no timer", async () => {
  const clock = new FakeClock();
  const rounds = new Rounds(clock);
  let turns = 0;
  const stop = rounds.everySecond(() => turns++);
  const stopOther = rounds.everySecond(() => {});
  stop();
  stop();
  await clock.advance(2000);
  expect(turns).toBe(0);
  stopOther();
  expect(clock.timers).toBe(0);
  rounds.everySecond(() => turns++);
  await clock.advance(1000);
  expect(turns).toBe(1);
});
