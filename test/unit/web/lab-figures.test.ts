import { describe, expect, test } from "vitest";
import { aligned, scaleTop } from "../../../web/lab/chart.ts";
import { LaneLog, minFreeze } from "../../../web/lab/figures.ts";
import type { LabStage, Sample } from "../../../web/lab/sample.ts";
import { quantile } from "../../../web/player/figures/rolling-window.ts";

const sample = (number: number, shownAt: number, latency = 20, stages: LabStage[] = []): Sample => ({
  number,
  shownAt,
  captured: shownAt - latency,
  latency,
  stages,
});

/** Frames from 1 on, 50 ms apart, that are shown and timed. */
function playing(frames: number, log = new LaneLog()): LaneLog {
  for (let number = 1; number <= frames; number++) {
    log.shown(50 * number);
    log.add(sample(number, 50 * number, number));
  }
  return log;
}

describe("LaneLog", () => {
  test("has no figures before anything was shown", () => {
    expect(new LaneLog().figures(0, 1000)).toEqual({
      timed: 0,
      now: undefined,
      median: undefined,
      p95: undefined,
      stages: [],
      fps: undefined,
      missed: 0,
      freezes: 0,
    });
  });

  test("sums up the frames of the given period", () => {
    const figures = playing(101).figures(1050, 5050);
    expect(figures).toMatchObject({ timed: 80, now: 101, median: 61.5, missed: 0, freezes: 0 });
    expect(figures.p95).toBeCloseTo(97.05);
    expect(figures.fps).toBeCloseTo(20, 0);
  });

  test("counts missing numbers, but not pictures of unknown number", () => {
    const log = playing(3);
    log.shown(200);
    log.shown(250);
    log.add(sample(7, 250));
    // One of 4, 5 and 6 was shown.
    expect(log.figures(0, 1000).missed).toBe(2);
  });

  test("counts nothing as missed when the source starts over", () => {
    const log = playing(5);
    log.shown(300);
    log.add(sample(1, 300));
    expect(log.figures(0, 1000).missed).toBe(0);
  });

  test("accepts a frame that is timed late", () => {
    const log = new LaneLog();
    for (const at of [50, 100, 150]) log.shown(at);
    log.add(sample(1, 50));
    log.add(sample(3, 150));
    log.add(sample(2, 100));
    expect(log.samples.map(({ number }) => number)).toEqual([1, 2, 3]);
    expect(log.figures(0, 1000).missed).toBe(0);
  });

  test("counts a freeze while it lasts and after it has ended", () => {
    const log = playing(4);
    expect(log.freezes(400)).toEqual([]);
    expect(log.freezes(450)).toEqual([{ from: 200, to: 450 }]);
    log.shown(500);
    expect(log.freezes(550)).toEqual([{ from: 200, to: 500 }]);
    expect(log.figures(0, 550).freezes).toBe(1);
    expect(log.figures(510, 550).freezes).toBe(0);
  });

  test("does not count a pause as a freeze", () => {
    const log = playing(4);
    log.pause();
    expect(log.freezes(5000)).toEqual([]);
    log.shown(5000);
    log.shown(5050);
    expect(log.freezes(5060)).toEqual([]);
  });

  test("has the medians of the stages, in the order frames pass them", () => {
    const log = new LaneLog();
    for (const [index, time] of [4, 9, 5].entries()) {
      const stages = [
        { key: "rest" as const, time: 1 },
        { key: "network" as const, time },
      ];
      log.add(sample(index + 1, 100 + index, 20, stages));
    }
    expect(log.figures(0, 1000).stages).toEqual([
      { key: "network", time: 5 },
      { key: "rest", time: 1 },
    ]);
  });

  test("forgets frames older than its period", () => {
    const log = playing(100, new LaneLog(1000));
    expect(log.samples).toHaveLength(21);
    expect(log.samples[0]?.shownAt).toBe(4000);
  });
});

test("minFreeze allows a slow source two of its intervals", () => {
  expect(minFreeze(undefined)).toBe(200);
  expect(minFreeze(20)).toBe(200);
  expect(minFreeze(2)).toBe(1000);
});

test("quantile interpolates between values", () => {
  expect(quantile([], 0.5)).toBeUndefined();
  expect(quantile([3, 1, 2], 0.5)).toBe(2);
  expect(quantile([1, 2], 0.5)).toBe(1.5);
});

describe("the plot", () => {
  test("has all times in order, and each lane's latency at its own", () => {
    const first = [sample(1, 10, 5), sample(2, 30, 6)];
    const second = [sample(1, 20, 7), sample(2, 30, 8)];
    expect(aligned([first, [], second])).toEqual([
      [10, 20, 30],
      [5, null, 6],
      [null, null, null],
      [null, 7, 8],
    ]);
    expect(aligned([[], []])).toEqual([[], [], []]);
  });

  test("is not flattened by one outlier", () => {
    const steady = Array.from({ length: 200 }, (_, index) => sample(index, index, 12));
    expect(scaleTop([steady])).toBe(20);
    expect(scaleTop([[...steady, sample(200, 200, 900)]])).toBe(20);
    expect(scaleTop([[sample(1, 1, 90)]])).toBe(200);
  });
});
