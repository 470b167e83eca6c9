import { describe, expect, test } from "vitest";
import { RepairBudget } from "../../../src/transport/session/repair-budget.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const many = Array.from({ length: 5000 }, (_, index) => index);

describe("the budget for packets sent again", () => {
  test("lets a packet through once, however often it is asked for", () => {
    const budget = new RepairBudget(new FakeClock());
    expect([1, 2, 2, 1, 3].map((index) => budget.allows(index, 0, 0))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  test("again once a round trip is over", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 80, 0);
    await clock.advance(79);
    expect(budget.allows(1, 80, 0)).toBe(false);
    await clock.advance(1);
    expect(budget.allows(1, 80, 0)).toBe(true);
  });

  test("a round trip of more than a second counts as well", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 1500, 0);
    await clock.advance(1200);
    expect([budget.allows(2, 1500, 0), budget.allows(1, 1500, 0)]).toEqual([true, false]);
    await clock.advance(300);
    expect(budget.allows(1, 1500, 0)).toBe(true);
  });

  test("a round trip that is not known, or very short, does not undo the bound", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 0, 0);
    await clock.advance(19);
    expect(budget.allows(1, 0, 0)).toBe(false);
    await clock.advance(1);
    expect(budget.allows(1, 0, 0)).toBe(true);
  });

  test("a refusal does not begin the wait anew", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allows(1, 100, 0);
    await clock.advance(60);
    expect(budget.allows(1, 100, 0)).toBe(false);
    await clock.advance(40);
    expect(budget.allows(1, 100, 0)).toBe(true);
  });

  test("lets no more through in a second than half of what was sent in the one before", async () => {
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

  test("lets no more through after a long time in which nothing was asked for", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    await clock.advance(60_000);
    expect(many.filter((index) => budget.allows(index, 0, 60 * 170))).toHaveLength(85);
  });

  test("lets a keyframe's packets through, however little was sent before", () => {
    const budget = new RepairBudget(new FakeClock());
    expect(many.filter((index) => budget.allows(index, 0, 0))).toHaveLength(60);
  });

  test("what was refused for the second's sake is not held to have been sent", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    for (const index of many) budget.allows(index, 5000, 0);
    await clock.advance(1000);
    expect(budget.allows(4999, 5000, 0)).toBe(true);
  });
});
