import { describe, expect, test } from "vitest";
import { figures, liveAgainAfter } from "../../../bench/network/figures.ts";

/** Frames that arrived at these times, each at this age. */
const frames = (age: number, ...times: number[]) => times.map((at) => ({ at, captured: at - age }));
const every = (period: number, from: number, to: number) =>
  Array.from({ length: Math.floor((to - from) / period) }, (_, n) => from + n * period);

describe("figures", () => {
  test("describe a steady picture", () => {
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

  test("count the gaps without a new picture, at both ends too", () => {
    const seen = frames(40, 1000, 1300, 1350, 1600);
    expect(figures(seen, { from: 1000, to: 2000 })).toMatchObject({
      freezes: 3,
      longest: 400,
      frozen: 950,
    });
  });

  test("show one freeze if no picture came at all", () => {
    expect(figures([], { from: 0, to: 1000 })).toMatchObject({ frames: 0, freezes: 1, longest: 1000 });
  });

  test("leave out the latency of the first frame, whose arrival was not seen", () => {
    const seen = [...frames(900, 1000), ...frames(30, 1010, 1060)];
    expect(figures(seen, { from: 1000, to: 1100 })).toMatchObject({ frames: 2, p95: 30 });
  });
});

describe("liveAgainAfter", () => {
  const span = { from: 1000, to: 4000 };

  test("is 0 if the picture stays live", () => {
    expect(liveAgainAfter(frames(100, ...every(50, 0, 5000)), span)).toBe(0);
  });

  test("is the time of the first frame after which the picture stays live", () => {
    const seen = [...frames(100, ...every(50, 0, 1000)), ...frames(100, ...every(50, 2500, 5000))];
    expect(liveAgainAfter(seen, span)).toBe(1500);
  });

  test("does not count frames as live if they come often but late", () => {
    const seen = [...frames(700, ...every(50, 0, 2000)), ...frames(100, ...every(50, 2000, 5000))];
    expect(liveAgainAfter(seen, span)).toBe(1000);
  });

  test("is undefined if the picture is late or missing until the end", () => {
    expect(liveAgainAfter(frames(700, ...every(50, 0, 5000)), span)).toBeUndefined();
    expect(liveAgainAfter(frames(100, ...every(50, 0, 1000)), span)).toBeUndefined();
    expect(liveAgainAfter([], span)).toBeUndefined();
  });
});
