import { describe, expect, test } from "vitest";
import { StageMedians, stagesOf } from "../../../web/player/figures/stages.ts";

/** The server's clock is 1000 ms ahead of the page's. */
const OFFSET = 1000;
const times = { captured: 5000, received: 5002, decoded: 5005, encoded: 5011, sent: 5012 };
const asObject = (stages: ReturnType<typeof stagesOf>) =>
  Object.fromEntries(stages.map(({ key, time }) => [key, time]));
const sum = (stages: ReturnType<typeof stagesOf>) => stages.reduce((total, { time }) => total + time, 0);

describe("stagesOf", () => {
  test("splits the whole latency of a frame", () => {
    const shown = { shownAt: 4040, receivedAt: 4015, decodeTime: 4 };
    const stages = stagesOf(times, shown, OFFSET, { buffer: 6 });
    expect(asObject(stages)).toEqual({
      render: 2,
      decode: 3,
      encode: 6,
      send: 1,
      network: 3,
      buffer: 6,
      browser: 4,
      screen: 15,
    });
    expect(sum(stages)).toBe(shown.shownAt + OFFSET - times.captured);
  });

  test("gives the remainder to the network if the browser does not report when the frame arrived", () => {
    const stages = stagesOf(times, { shownAt: 4040 }, OFFSET, { buffer: 6, decode: 5 });
    expect(asObject(stages)).toMatchObject({ network: 17, buffer: 6, browser: 5 });
    expect(asObject(stages)).not.toHaveProperty("screen");
    expect(sum(stages)).toBe(40);
  });

  test("prefers the frame's own decode time to the mean", () => {
    const stages = stagesOf(times, { shownAt: 4040, receivedAt: 4015, decodeTime: 4 }, OFFSET, { decode: 9 });
    expect(asObject(stages)).toMatchObject({ browser: 4 });
  });

  test("never attributes more than the whole latency, or a negative time", () => {
    const shown = { shownAt: 4016, receivedAt: 4011, decodeTime: 4 };
    const stages = stagesOf(times, shown, OFFSET, { buffer: 60 });
    expect(asObject(stages)).toMatchObject({ network: 0, browser: 4, buffer: 1, screen: 0 });
  });

  test("attributes what MJPEG cannot tell apart to the server", () => {
    const shown = { shownAt: 4040, receivedAt: 4015, decodeTime: 4 };
    const passedThrough = { captured: 5000, received: 5002, sent: 5003 };
    expect(asObject(stagesOf(passedThrough, shown, OFFSET, {}))).toEqual({
      render: 2,
      server: 1,
      network: 12,
      browser: 4,
      screen: 21,
    });
  });
});

describe("StageMedians", () => {
  test("has each stage's median over two seconds, in the order of the stages", () => {
    const medians = new StageMedians();
    for (const [at, time] of [
      [0, 500],
      [2000, 3],
      [2100, 1],
      [2200, 2],
    ] as const) {
      medians.add(at, [
        { key: "network", time },
        { key: "render", time: time + 1 },
      ]);
    }
    expect(medians.medians(2200)).toEqual([
      { key: "render", time: 3 },
      { key: "network", time: 2 },
    ]);
    expect(medians.medians(9000)).toEqual([]);
  });
});
