import { expect, test } from "vitest";
import { FairShare } from "../../../src/base/fair-share.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

test("everybody gets a share while there is enough, and then everybody in turn", async () => {
  const clock = new FakeClock();
  const share = new FairShare<string>(clock, 10);
  const all = ["a", "b", "c", "d"];
  expect(share.next(all)).toEqual(all);
  expect(share.next(all)).toEqual(all);
  expect(share.next(all)).toEqual(["a", "b"]);
  expect(share.next(all)).toEqual([]);
  await clock.advance(300);
  expect(share.next(all)).toEqual(["c", "d", "a"]);
  await clock.advance(60_000);
  expect(share.next(["a", "b"])).toHaveLength(2);
  expect(share.next([])).toEqual([]);
});

test("unused shares accumulate for a second at most", async () => {
  const clock = new FakeClock();
  const share = new FairShare<number>(clock, 3);
  await clock.advance(60_000);
  expect(share.next([1, 2, 3, 4, 5])).toEqual([1, 2, 3]);
});
