import { describe, expect, test } from "vitest";
import type { ShownTelemetry } from "../../../web/player/figures/frame.ts";
import { readReport, readTelemetry } from "../../../web/player/playback/report.ts";
import { TelemetryTrack } from "../../../web/player/session/telemetry.ts";
import { Board, MAX_PLOTS, MAX_ROWS } from "../../../web/telemetry/board.ts";
import { figure } from "../../../web/telemetry/figure.ts";
import { flatten } from "../../../web/telemetry/flatten.ts";
import { Places } from "../../../web/telemetry/places.ts";
import { HISTORY_MS, Series } from "../../../web/telemetry/series.ts";

const report = (rtpTimestamp: number, number: number, telemetry?: Record<string, unknown>) => ({
  rtpTimestamp,
  number,
  captured: 1,
  received: 2,
  decoded: 3,
  encoded: 4,
  sent: 5,
  ...(telemetry && { telemetry }),
});

describe("readReport", () => {
  test("reads a report with its telemetry", () => {
    expect(readReport(JSON.stringify(report(90, 7, { angle: 31.5 })))).toEqual(
      report(90, 7, { angle: 31.5 }),
    );
  });

  test("ignores telemetry that is no object", () => {
    for (const telemetry of [null, 5, "text", [1, 2]]) {
      expect(readReport(JSON.stringify({ ...report(90, 7), telemetry }))).toEqual(report(90, 7));
    }
  });

  test.each([
    "",
    "{",
    "null",
    "5",
    "[]",
    "{}",
    '{"rtpTimestamp":"90","number":7}',
    JSON.stringify(report(90, Number.NaN)),
    new ArrayBuffer(8),
    undefined,
  ])("rejects %j", (message) => {
    expect(readReport(message)).toBeUndefined();
  });
});

describe("readTelemetry", () => {
  const read = (headers: Record<string, string>) => readTelemetry(new Map(Object.entries(headers)));

  test("reads the telemetry of a part, and the number of its frame", () => {
    expect(read({ "x-frame-number": "7", "x-telemetry": '{"angle": 31.5}' })).toEqual({
      number: 7,
      data: { angle: 31.5 },
    });
  });

  test.each([undefined, "", "{", "null", "[1]", "31.5"])("ignores %j", (text) => {
    expect(
      read({ "x-frame-number": "7", ...(text !== undefined && { "x-telemetry": text }) }),
    ).toBeUndefined();
  });

  test("has none without the frame's number", () => {
    expect(read({ "x-telemetry": "{}" })).toBeUndefined();
  });
});

describe("TelemetryTrack", () => {
  const start = () => {
    const delivered: ShownTelemetry[] = [];
    const track = new TelemetryTrack((telemetry) => delivered.push(telemetry));
    return { delivered, track, numbers: () => delivered.map(({ number }) => number) };
  };

  test("holds the data back until its frame is shown", () => {
    const { delivered, track } = start();
    track.reported(report(90, 7, { angle: 1 }));
    track.reported(report(91, 8, { angle: 2 }));
    expect(delivered).toEqual([]);
    track.shown({ shownAt: 140 }, 90);
    expect(delivered).toEqual([{ number: 7, at: 140, data: { angle: 1 } }]);
  });

  test("delivers at once what arrives after its frame was shown, with the time of that frame", () => {
    const { delivered, track } = start();
    track.shown({ shownAt: 140 }, 90);
    track.reported(report(90, 7, { angle: 1 }));
    expect(delivered).toEqual([{ number: 7, at: 140, data: { angle: 1 } }]);
  });

  test("never goes back to an earlier frame", () => {
    const { track, numbers } = start();
    track.shown({ shownAt: 140 }, 90);
    track.shown({ shownAt: 156 }, 91);
    track.reported(report(91, 8, { angle: 2 }));
    track.reported(report(90, 7, { angle: 1 }));
    expect(numbers()).toEqual([8]);
  });

  test("delivers nothing for a frame without data, or with a lost report", () => {
    const { track, numbers } = start();
    track.reported(report(90, 7, { angle: 1 }));
    track.shown({ shownAt: 140 }, 90);
    track.reported(report(91, 8));
    track.shown({ shownAt: 156 }, 91);
    track.shown({ shownAt: 173 }, 92);
    expect(numbers()).toEqual([7]);
  });

  test("delivers a repeated still picture once, but the same number with other data again", () => {
    const { track, numbers } = start();
    for (const [index, angle] of [1, 1, 2].entries()) {
      track.reported(report(90 + index, 7, { angle }));
      track.shown({ shownAt: 140 + index }, 90 + index);
    }
    track.shownWithData({ shownAt: 200 }, { number: 7, data: { angle: 2 } });
    expect(numbers()).toEqual([7, 7]);
  });

  test("delivers data that the frame itself carries when it is shown", () => {
    const { delivered, track } = start();
    track.shownWithData({ shownAt: 140 }, { number: 7, data: {} });
    expect(delivered).toEqual([{ number: 7, at: 140, data: {} }]);
  });

  test("forgets the frames of an earlier server", () => {
    const { delivered, track } = start();
    track.reported(report(90, 7, { angle: 1 }));
    track.forgetServer();
    track.shown({ shownAt: 140 }, 90);
    expect(delivered).toEqual([]);
  });
});

describe("flatten", () => {
  const flat = (data: Record<string, unknown>) => {
    const { numbers, texts } = flatten(data);
    return { numbers: Object.fromEntries(numbers), texts: Object.fromEntries(texts) };
  };

  test("separates numbers from other values", () => {
    expect(flat({ angle: -1.5, state: "open", estop: false, tool: null })).toEqual({
      numbers: { angle: -1.5 },
      texts: { state: "open", estop: "false", tool: "–" },
    });
  });

  test("uses dotted names for objects, one level deep", () => {
    expect(flat({ arm: { base: 1, tip: { x: 2 } }, none: {} })).toEqual({
      numbers: { "arm.base": 1 },
      texts: { "arm.tip": "1 value", none: "0 values" },
    });
  });

  test("names the numbers of short arrays one by one, also in an object", () => {
    expect(flat({ tip: [1, 2], arm: { joints: [3] } }).numbers).toEqual({
      "tip[0]": 1,
      "tip[1]": 2,
      "arm.joints[0]": 3,
    });
  });

  test("only counts the elements of other arrays", () => {
    expect(flat({ long: Array(9).fill(0), mixed: [1, "a"], empty: [] }).texts).toEqual({
      long: "9 elements",
      mixed: "2 elements",
      empty: "0 elements",
    });
  });

  test("leaves out infinite numbers", () => {
    expect(flat(JSON.parse('{"huge": 1e999, "row": [1, -1e999]}')).numbers).toEqual({ "row[0]": 1 });
  });

  test("truncates long texts", () => {
    expect(flat({ text: "x".repeat(10_000) }).texts.text?.length).toBeLessThan(600);
  });

  test("treats names with a meaning in JavaScript as plain names", () => {
    const { numbers } = flatten(JSON.parse('{"__proto__": 1, "constructor": 2, "toString": 3}'));
    expect([...numbers]).toEqual([
      ["__proto__", 1],
      ["constructor", 2],
      ["toString", 3],
    ]);
  });
});

describe("figure", () => {
  test("has about four digits", () => {
    expect([0, 7, 1042, -90.25, 31.523_4, 0.012_345, 123.45, 12_345.6].map((value) => figure(value))).toEqual(
      ["0", "7", "1042", "−90.25", "31.52", "0.01235", "123.5", "12346"],
    );
  });

  test("is written with a power of ten if it would be long", () => {
    expect([6.022e23, -1e300, 1.5e-9, 12_345_678].map((value) => figure(value))).toEqual([
      "6.022e23",
      "−1.000e300",
      "1.500e−9",
      "1.235e7",
    ]);
  });

  test("has as many digits as its neighbours, enough to tell them apart", () => {
    expect(figure(0, { min: -90.5, max: 90.5, whole: false })).toBe("0.00");
    expect(figure(1000.0004, { min: 1000, max: 1000.002, whole: false })).toBe("1000.0004");
    expect(figure(5, { min: 0, max: 10, whole: true })).toBe("5");
  });

  test("has no negative zero", () => {
    expect([figure(-0), figure(-0.001, { min: -50, max: 50, whole: false })]).toEqual(["0", "0.00"]);
  });
});

describe("Series", () => {
  const filled = (...values: [at: number, value: number | undefined][]) => {
    const series = new Series();
    for (const [at, value] of values) value === undefined ? series.gap(at) : series.add(at, value);
    return series;
  };

  test("keeps the window, and the one value before it, where the line begins", () => {
    const series = filled([0, 1], [6000, 2], [12_000, 3], [HISTORY_MS + 6050, 4]);
    expect(series.points).toEqual([
      [6000, 12_000, HISTORY_MS + 6050],
      [2, 3, 4],
    ]);
  });

  test("breaks the line after a long gap, but not that of a slow source", () => {
    expect(filled([0, 1], [50, 2], [3000, 3], [3050, 4]).points).toEqual([
      [0, 50, 51, 3000, 3050],
      [1, 2, null, 3, 4],
    ]);
    expect(filled([0, 1], [2000, 2], [4000, 3]).points[1]).toEqual([1, null, 2, 3]);
  });

  test("breaks the line once if there is no value", () => {
    const series = filled([0, 1], [100, undefined], [200, undefined], [300, 2]);
    expect(series.points).toEqual([
      [0, 100, 300],
      [1, null, 2],
    ]);
    expect(series.last).toBe(2);
  });

  test("keeps its times in order", () => {
    const series = filled([100, 1], [100, 2], [50, 3]);
    expect(series.points).toEqual([[100], [3]]);
  });

  test("is bounded, however fast the values come", () => {
    const series = new Series();
    for (let at = 0; at < 5000; at++) series.add(at, at);
    expect(series.points[0].length).toBeLessThanOrEqual(2000);
    expect(series.points[0].at(-1)).toBe(4999);
  });

  test("has the range of its values", () => {
    expect(filled([0, 3], [1, undefined], [2, -1]).extent).toEqual({ min: -1, max: 3, whole: true });
    expect(filled([0, 0.5]).extent?.whole).toBe(false);
    expect(filled([0, undefined]).extent).toBeUndefined();
  });

  test("can be plotted with the largest numbers there are", () => {
    const { min = 0, max = 0 } = filled([0, -Number.MAX_VALUE], [1, Number.MAX_VALUE]).extent ?? {};
    expect(Number.isFinite((max - min) * 1.2)).toBe(true);
  });
});

describe("Places", () => {
  const start = () => new Places(2, 1000, () => ({ text: "" }));
  const keys = (places: ReturnType<typeof start>) => [...places].map(({ key }) => key);

  test("gives the places to the first keys, and keeps them in that order", () => {
    const places = start();
    expect(places.take("b", 0)).toBeDefined();
    expect(places.take("a", 0)).toBeDefined();
    expect(places.take("c", 0)).toBeUndefined();
    expect(places.take("b", 1)).toBe(places.take("b", 2));
    expect(keys(places)).toEqual(["b", "a"]);
  });

  test("makes room once a key was not seen for long, or gave up its place", () => {
    const places = start();
    places.take("a", 0);
    places.take("b", 500);
    places.expire(999);
    expect(keys(places)).toEqual(["a", "b"]);
    places.expire(1000);
    expect(keys(places)).toEqual(["b"]);
    places.leave("b");
    expect(keys(places)).toEqual([]);
  });
});

describe("Board", () => {
  const rows = (board: Board) => Object.fromEntries(board.rows.map(({ key, text }) => [key, text]));
  const plots = (board: Board) => board.plots.map(({ key }) => key);
  const many = (count: number, value: unknown) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, value]));

  test("plots numbers, and lists the rest", () => {
    const board = new Board();
    board.take(0, { angle: 1.5, state: "open" });
    expect(plots(board)).toEqual(["angle"]);
    expect(rows(board)).toEqual({ state: "open" });
    expect(board.more).toBe(0);
  });

  test("lists the numbers without a plot, and counts the values without a row", () => {
    const board = new Board();
    board.take(0, many(MAX_PLOTS + MAX_ROWS + 3, 1.5));
    expect(board.plots).toHaveLength(MAX_PLOTS);
    expect(rows(board)[`key${MAX_PLOTS}`]).toBe("1.500");
    expect(board.rows).toHaveLength(MAX_ROWS);
    expect(board.more).toBe(3);
  });

  test("keeps a name that is missing for a while, marks it as stale, and breaks its line", () => {
    const board = new Board();
    board.take(0, { angle: 1, state: "open", other: 0 });
    board.take(1000, { other: 0 });
    expect(board.plots[0]?.stale).toBe(false);
    board.take(5000, { other: 0 });
    expect(board.plots.map(({ stale }) => stale)).toEqual([true, false]);
    expect(board.rows[0]).toMatchObject({ text: "open", stale: true });
    board.take(6000, { angle: 2, other: 0 });
    expect(board.plots[0]).toMatchObject({ key: "angle", stale: false });
    expect(board.plots[0]?.series.points[1]).toEqual([1, null, 2]);
  });

  test("forgets a name that stays away, and gives its plot to a number from the list", () => {
    const board = new Board();
    board.take(0, many(MAX_PLOTS, 1));
    board.take(1000, { new: 2 });
    expect(rows(board)).toEqual({ new: "2" });
    board.take(HISTORY_MS, { new: 2 });
    expect(plots(board)).toEqual(["new"]);
    expect(rows(board)).toEqual({});
  });

  test("holds no more for names that change with each frame", () => {
    const board = new Board();
    for (let frame = 0; frame < 2000; frame++) {
      board.take(frame * 16, { [`n${frame}`]: frame, [`t${frame}`]: "text" });
    }
    expect(board.plots.length).toBeLessThanOrEqual(MAX_PLOTS);
    expect(board.rows.length).toBeLessThanOrEqual(MAX_ROWS);
  });
});
