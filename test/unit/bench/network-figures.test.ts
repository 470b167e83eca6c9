import { describe, expect, test } from "vitest";
import { figures, liveAgainAfter } from "../../../bench/network/figures.ts";

/** Frames that came at these times, each so old. */
const frames = (age: number, ...times: number[]) => times.map((at) => ({ at, captured: at - age }));
const every = (period: number, from: number, to: number) =>
  Array.from({ length: Math.floor((to - from) / period) }, (_, n) => from + n * period);

describe("figures", () => {
  test("of a steady picture", () => {
    const seen = frames(40, ...every(50, 1000, 2000));
    expect(figures(seen, { from: 1000, to: 2000 })).toEqual({
      frames: 19,
      median: 40,
      p95: 40,
      freezes: 0,
      longest: 50,
      frozen: 0,
    });
  });

  test("counts the times without a new picture, at the ends too", () => {
    const seen = frames(40, 1000, 1300, 1350, 1600);
    expect(figures(seen, { from: 1000, to: 2000 })).toMatchObject({
      freezes: 3,
      longest: 400,
      frozen: 950,
    });
  });

  test("of no picture at all", () => {
    expect(figures([], { from: 0, to: 1000 })).toMatchObject({ frames: 0, freezes: 1, longest: 1000 });
  });

  test("leaves out the latency of the first, whose coming was not seen", () => {
    const seen = [...frames(900, 1000), ...frames(30, 1010, 1060)];
    expect(figures(seen, { from: 1000, to: 1100 })).toMatchObject({ frames: 2, p95: 30 });
  });
});

describe("liveAgainAfter", () => {
  const span = { from: 1000, to: 4000 };

  test("is nothing where the picture stays live", () => {
    expect(liveAgainAfter(frames(100, ...every(50, 0, 5000)), span)).toBe(0);
  });

  test("is the time of the first frame after which the picture stays live", () => {
    const seen = [...frames(100, ...every(50, 0, 1000)), ...frames(100, ...every(50, 2500, 5000))];
    expect(liveAgainAfter(seen, span)).toBe(1500);
  });

  test("counts frames that come often but late as not live", () => {
    const seen = [...frames(700, ...every(50, 0, 2000)), ...frames(100, ...every(50, 2000, 5000))];
    expect(liveAgainAfter(seen, span)).toBe(1000);
  });

  test("is unknown where the picture is late to the end", () => {
    expect(liveAgainAfter(frames(700, ...every(50, 0, 5000)), span)).toBeUndefined();
    expect(liveAgainAfter(frames(100, ...every(50, 0, 1000)), span)).toBeUndefined();
    expect(liveAgainAfter([], span)).toBeUndefined();
  });
});
