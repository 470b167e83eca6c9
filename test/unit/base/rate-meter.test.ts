import { describe, expect, test } from "vitest";
import { RateMeter } from "../../../src/base/rate-meter.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

function make(window?: number) {
  const clock = new FakeClock();
  const meter = new RateMeter(clock, window);
  const count = async (times: number, every: number) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(every);
      meter.count();
    }
  };
  return { clock, meter, count };
}

describe("a rate", () => {
  test("is 0 until there are counts at two different times", async () => {
    const { clock, meter } = make();
    expect(meter.rate).toBe(0);
    meter.count();
    meter.count();
    expect(meter.rate).toBe(0);
    await clock.advance(50);
    meter.count();
    expect(meter.rate).toBe(40);
  });

  test("covers the window, and nothing before it", async () => {
    const { clock, meter, count } = make(1000);
    await count(100, 10);
    expect(meter.rate).toBeCloseTo(100);
    await count(12, 100);
    expect(meter.rate).toBeCloseTo(10);
    await clock.advance(950);
    expect(meter.rate).toBe(0);
  });

  test("is right during and after more counts than the meter remembers", async () => {
    const { meter, count } = make(3000);
    await count(1300, 0.5);
    expect(meter.rate).toBeCloseTo(2000);
    await count(40, 100);
    expect(meter.rate).toBeCloseTo(10);
  });
});
