import { describe, expect, test } from "vitest";
import { RepairBudget } from "../../../src/transport/session/repair-budget.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const many = Array.from({ length: 5000 }, (_, index) => index);

describe("the retransmission budget", () => {
  test("allows a packet once, however often it is requested", () => {
    const budget = new RepairBudget(new FakeClock());
    expect([1, 2, 2, 1, 3].map((index) => budget.allows(index, 0, 0))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test("allows it again after a round trip", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 80, 0);
    await clock.advance(79);
    expect(budget.allows(1, 80, 0)).toBe(false);
    await clock.advance(1);
    expect(budget.allows(1, 80, 0)).toBe(true);
  });

  test("respects a round trip above one second", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 1500, 0);
    await clock.advance(1200);
    expect([budget.allows(2, 1500, 0), budget.allows(1, 1500, 0)]).toEqual([true, false]);
    await clock.advance(300);
    expect(budget.allows(1, 1500, 0)).toBe(true);
  });

  test("keeps a minimum interval if the round trip is unknown or very short", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 0, 0);
    await clock.advance(19);
    expect(budget.allows(1, 0, 0)).toBe(false);
    await clock.advance(1);
    expect(budget.allows(1, 0, 0)).toBe(true);
  });

  test("a refusal does not restart the interval", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 100, 0);
    await clock.advance(60);
    expect(budget.allows(1, 100, 0)).toBe(false);
    await clock.advance(40);
    expect(budget.allows(1, 100, 0)).toBe(true);
  });

  test("allows per second at most half of the packets sent in the second before", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    const allowed = (sent: number) => many.filter((index) => budget.allows(index, 0, sent)).length;
    allowed(0);
    await clock.advance(1000);
    expect(allowed(900)).toBe(450);
    await clock.advance(999);
    expect(allowed(1800)).toBe(0);
    await clock.advance(1);
    expect(allowed(1900)).toBe(500);
  });

  test("allows no more after a long time without requests", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    await clock.advance(60_000);
    expect(many.filter((index) => budget.allows(index, 0, 60 * 170))).toHaveLength(85);
  });

  test("always allows enough for a keyframe", () => {
    const budget = new RepairBudget(new FakeClock());
    expect(many.filter((index) => budget.allows(index, 0, 0))).toHaveLength(60);
  });

  test("a packet over the limit does not count as sent", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    for (const index of many) budget.allows(index, 5000, 0);
    await clock.advance(1000);
    expect(budget.allows(4999, 5000, 0)).toBe(true);
  });
});
