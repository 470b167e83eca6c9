import { describe, expect, test } from "vitest";
import { ClockOffset } from "../../../web/player/figures/clock-offset.ts";

/** An answer to a ping sent at `sent`: `there` ms on the way to the server, `back` ms back, its clock `ahead`. */
const ping = (sent: number, there: number, back: number, ahead: number) => ({
  sent,
  server: sent + there + ahead,
  received: sent + there + back,
});

describe("ClockOffset", () => {
  test("has no offset before the first answer", () => {
    expect(new ClockOffset().best).toBeUndefined();
  });

  test("takes the middle of the round trip, and half of it as the uncertainty", () => {
    const clock = new ClockOffset();
    clock.add(ping(1000, 10, 10, 5000));
    expect(clock.best).toEqual({ offset: 5000, uncertainty: 10 });
  });

  test("prefers the shortest round trip, whose midpoint is the surest", () => {
    const clock = new ClockOffset();
    clock.add(ping(1000, 50, 2, 5000));
    clock.add(ping(2000, 1, 1, 5000));
    clock.add(ping(3000, 3, 60, 5000));
    expect(clock.best).toEqual({ offset: 5000, uncertainty: 1 });
  });

  test("never errs by more than its uncertainty, however asymmetric the route", () => {
    const clock = new ClockOffset();
    clock.add(ping(1000, 30, 2, -700));
    const { offset = 0, uncertainty = 0 } = clock.best ?? {};
    expect(Math.abs(offset - -700)).toBeLessThanOrEqual(uncertainty);
  });

  test("forgets a sample once ten newer ones have come, so that it follows a drifting clock", () => {
    const clock = new ClockOffset();
    clock.add(ping(0, 1, 1, 5000));
    for (let i = 1; i <= 9; i++) clock.add(ping(i * 5000, 4, 4, 5001));
    expect(clock.best?.offset).toBe(5000);
    clock.add(ping(50_000, 4, 4, 5001));
    expect(clock.best?.offset).toBe(5001);
  });

  test("drops all samples when a clock has jumped, as after a sleep", () => {
    const clock = new ClockOffset();
    clock.add(ping(1000, 1, 1, 5000));
    clock.add(ping(2000, 8, 8, 65_000));
    expect(clock.best).toEqual({ offset: 65_000, uncertainty: 8 });
  });

  test("ignores an answer from before its question", () => {
    const clock = new ClockOffset();
    clock.add({ sent: 1000, server: 6000, received: 990 });
    expect(clock.best).toBeUndefined();
  });
});
