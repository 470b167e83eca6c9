import { describe, expect, test } from "vitest";
import { FrameMatcher } from "../../../web/player/figures/frame-matcher.ts";
import { RollingWindow } from "../../../web/player/figures/rolling-window.ts";

const report = (rtpTimestamp: number) => ({
  rtpTimestamp,
  number: 1,
  captured: 100,
  received: 101,
  decoded: 102,
  encoded: 103,
  sent: 104,
});

describe("FrameMatcher", () => {
  test("matches a frame that is shown after its report", () => {
    const matcher = new FrameMatcher();
    expect(matcher.reported(report(90))).toBeUndefined();
    expect(matcher.shown(90, { shownAt: 140 })).toEqual({ report: report(90), shown: { shownAt: 140 } });
  });

  test("matches a frame that is shown before its report", () => {
    const matcher = new FrameMatcher();
    expect(matcher.shown(90, { shownAt: 140 })).toBeUndefined();
    expect(matcher.reported(report(90))?.shown.shownAt).toBe(140);
  });

  test("matches each frame once", () => {
    const matcher = new FrameMatcher();
    matcher.reported(report(90));
    matcher.shown(90, { shownAt: 140 });
    expect(matcher.shown(90, { shownAt: 156 })).toBeUndefined();
  });

  test("compares timestamps modulo 2^32, signed or not", () => {
    const matcher = new FrameMatcher();
    matcher.reported(report(-1));
    expect(matcher.shown(0xffffffff, { shownAt: 140 })).toBeDefined();
    matcher.reported(report(2 ** 32 + 5));
    expect(matcher.shown(5, { shownAt: 150 })).toBeDefined();
  });

  test("keeps only the newest unmatched frames of each kind", () => {
    const matcher = new FrameMatcher(2);
    for (const stamp of [1, 2, 3]) matcher.reported(report(stamp));
    expect(matcher.shown(1, { shownAt: 140 })).toBeUndefined();
    expect(matcher.shown(3, { shownAt: 140 })).toBeDefined();
    for (const stamp of [11, 12, 13]) matcher.shown(stamp, { shownAt: 150 });
    expect(matcher.reported(report(11))).toBeUndefined();
    expect(matcher.reported(report(13))).toBeDefined();
  });

  test("forgets everything when cleared", () => {
    const matcher = new FrameMatcher();
    matcher.reported(report(1));
    matcher.clear();
    expect(matcher.shown(1, { shownAt: 140 })).toBeUndefined();
  });
});

describe("RollingWindow", () => {
  const filled = (...values: number[]) => {
    const window = new RollingWindow(2000);
    for (const [index, value] of values.entries()) window.add(index * 100, value);
    return window;
  };

  test("has no median without values", () => {
    expect(new RollingWindow(2000).median(0)).toBeUndefined();
    expect(new RollingWindow(2000).last(0)).toBeUndefined();
  });

  test("takes the middle value, and the mean of the middle two", () => {
    expect(filled(30, 10, 20).median(300)).toBe(20);
    expect(filled(40, 10, 20, 30).median(300)).toBe(25);
  });

  test("is not moved by one slow frame", () => {
    expect(filled(20, 21, 900, 20, 21).median(500)).toBe(21);
  });

  test("has the 95th percentile", () => {
    const window = filled(...Array.from({ length: 21 }, (_, index) => index));
    expect(window.quantile(2000, 0.95)).toBeCloseTo(19.05, 1);
  });

  test("forgets values older than its period", () => {
    const window = filled(10, 20, 30);
    expect(window.median(2150)).toBe(30);
    expect(window.last(2150)).toBe(30);
    expect(window.median(2201)).toBeUndefined();
  });
});
