import { describe, expect, test } from "vitest";
import { FramePace, MAX_INTERVAL } from "../../../src/encoder/ffmpeg/frame-pace.ts";

/** The bits that frames get of 1 bit per second: each the share of one frame at the expected rate. */
function spent(pace: FramePace, fps: number, intervals: readonly number[]): number {
  return intervals.reduce((bits, interval) => {
    pace.addInterval(interval);
    return bits + pace.share / fps;
  }, 0);
}

const frames = (count: number, interval: number) => Array.from({ length: count }, () => interval);

describe("the pace of frames", () => {
  test("has a share of 1 while frames come about as expected", () => {
    const pace = new FramePace(20);
    for (const interval of [50, 48, 53, 50, 47, 52]) {
      pace.addInterval(interval);
      expect(pace.share).toBe(1);
    }
  });

  test.each([
    ["ten times as fast as expected", 4, 25],
    ["as expected", 20, 50],
    ["four times as slow", 40, 100],
    ["alternately early and late", 20, [30, 70]],
  ])("spends the bitrate if frames come %s", (_, fps, interval) => {
    const pace = new FramePace(fps);
    const intervals = Array.from({ length: 400 }, (_, n) =>
      typeof interval === "number" ? interval : (interval[n % 2] ?? 0),
    );
    const seconds = intervals.reduce((sum, one) => sum + one, 0) / 1000;
    expect(spent(pace, fps, intervals) / seconds).toBeGreaterThan(0.8);
    expect(spent(pace, fps, intervals) / seconds).toBeLessThan(1.2);
  });

  test("does not give frames the bits of the pause before them", () => {
    const pace = new FramePace(20);
    spent(pace, 20, frames(20, 500));
    const after = frames(20, 20);
    expect(spent(pace, 20, after)).toBeLessThan(1.2 * 0.4);
  });

  test("changes little for a single extra frame, such as a requested keyframe", () => {
    const pace = new FramePace(20);
    spent(pace, 20, frames(20, 50));
    for (const gap of [1, 10, 25, 40, 49]) {
      for (const interval of [gap, 50 - gap, 50, 50]) {
        pace.addInterval(interval);
        expect(pace.share).toBeGreaterThan(0.7);
      }
    }
  });

  test("limits a frame's share, however long the pause before it", () => {
    const pace = new FramePace(20);
    spent(pace, 20, frames(100, 60_000));
    expect(pace.share).toBeGreaterThan((0.9 * MAX_INTERVAL) / 50);
    expect(pace.share).toBeLessThanOrEqual(MAX_INTERVAL / 50);
  });

  test("accepts frames with equal times", () => {
    const pace = new FramePace(20);
    spent(pace, 20, frames(20, 0));
    expect(pace.share).toBeGreaterThan(0);
  });
});
