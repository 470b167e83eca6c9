import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { type EpochMs, systemClock } from "../../../src/base/clock.ts";
import type { RawFrame, SourceFrame } from "../../../src/media/frame.ts";
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../../src/shared/frame-code.ts";
import type { SourceState } from "../../../src/shared/protocol.ts";
import { Labels } from "../../../src/source/pattern/labels.ts";
import { Pace } from "../../../src/source/pattern/pace.ts";
import { type PatternOptions, patternSource } from "../../../src/source/pattern/pattern.ts";
import { Scene } from "../../../src/source/pattern/scene.ts";
import { Font } from "../../../src/source/pattern/text.ts";
import type { Source } from "../../../src/source/source.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const NOON = 1_700_000_000_000 as EpochMs;

/** Draws one frame, in RGBA bytes. */
function draw(scene: Scene, frameNumber: number, time: number = NOON): Buffer {
  const pixels = new Int32Array(scene.width * scene.height);
  scene.draw(pixels, { frameNumber, time: time as EpochMs });
  return Buffer.from(pixels.buffer);
}

function isOpaque(bytes: Buffer): boolean {
  for (let i = 3; i < bytes.length; i += 4) if (bytes[i] !== 255) return false;
  return true;
}

/** The frame code read from the picture: the green value at the centre of each cell. */
function codeIn(bytes: Buffer, width: number, height: number): number | undefined {
  const cell = frameCodeCellSize(width);
  const row = height - Math.ceil(cell / 2);
  return readFrameCode(
    Array.from({ length: FRAME_CODE_CELLS }, (_, i) => {
      const column = Math.floor((i + 0.5) * cell);
      return bytes[(row * width + column) * 4 + 1] ?? 0;
    }),
  );
}

describe("the built-in scene's picture", () => {
  /** One scene for several tests, because building it costs far more than drawing it. */
  const small = new Scene(160, 90);

  test.each([
    [480, 270],
    [640, 360],
    [161, 91],
    [64, 16],
  ])("carries its frame's number as a code at %i x %i", (width, height) => {
    const scene = new Scene(width, height);
    for (const number of [1, 65_536, 8_388_607, 2 ** 24 - 1])
      expect(codeIn(draw(scene, number), width, height)).toBe(number);
  });

  test("is opaque, and bright somewhere", () => {
    const bytes = draw(small, 1);
    expect(isOpaque(bytes)).toBe(true);
    const middle = bytes.subarray(0, 160 * 80 * 4).filter((_, i) => i % 4 !== 3);
    expect(Math.max(...middle)).toBeGreaterThan(200);
  });

  test("is the same for the same time", () => {
    const first = draw(small, 1);
    draw(small, 2, NOON + 5000);
    expect(draw(small, 1).equals(first)).toBe(true);
  });

  test("moves from frame to frame", () => {
    const aboveTheCode = 160 * 86 * 4;
    const before = draw(small, 1).subarray(0, aboveTheCode);
    expect(
      draw(small, 1, NOON + 33)
        .subarray(0, aboveTheCode)
        .equals(before),
    ).toBe(false);
  });

  test.each([
    [16, 16],
    [17, 16],
    [63, 63],
    [333, 17],
    [3840, 16],
    [101, 397],
    [961, 541],
  ])("fills any picture, such as %i x %i", (width, height) => {
    const bytes = draw(new Scene(width, height), 99_999_999);
    expect(bytes.length).toBe(width * height * 4);
    expect(isOpaque(bytes)).toBe(true);
  });

  test("keeps its texts inside the picture and off the code, and drops those without room", () => {
    for (let width = 16; width <= 640; width += 48) {
      const [height, footer] = [Math.round((width * 9) / 16) + 7, frameCodeCellSize(width)];
      const pixels = new Int32Array(width * height);
      new Labels(width, height, footer).draw({ width, height, pixels }, 16_000_000, NOON);
      const inked = (column: number, row: number) => pixels[row * width + column] !== 0;
      // A text that leaves the picture on one side would reappear on the other.
      const rows = Array.from({ length: height }, (_, row) => row);
      expect(rows.filter((row) => inked(0, row) || inked(width - 1, row))).toEqual([]);
      expect(pixels.subarray((height - footer) * width).every((pixel) => pixel === 0)).toBe(true);
      if (width < 60 || width >= 160) expect(pixels.some((pixel) => pixel !== 0)).toBe(width >= 160);
    }
  });
});

describe("the built-in scene's typeface", () => {
  test("has every character of the scene's texts", () => {
    const font = new Font(1);
    for (const character of "rendercast built-in scene: connect Blender to replace it frame 0123456789:.") {
      expect(font.measure(`${character}:`), character).toBeGreaterThan(font.measure(":"));
    }
  });

  test("gives all digits one width, so that the clock does not jitter", () => {
    const font = new Font(2);
    const widths = [..."0123456789"].map((digit) => font.measure(digit));
    expect(new Set(widths).size).toBe(1);
  });
});

describe("the built-in scene's pace", () => {
  test("keeps to its deadlines however late each frame is", () => {
    const pace = new Pace(1000 as EpochMs, 50);
    for (let frame = 1; frame < 500; frame++) {
      const late = (1000 + (frame - 1) * 20 + 7) as EpochMs;
      expect(pace.advance(late)).toBe(0);
      expect(pace.wait(late)).toBe(13);
    }
  });

  test("skips the frames that it missed", () => {
    const pace = new Pace(1000 as EpochMs, 50);
    expect(pace.advance(1065 as EpochMs)).toBe(3);
    expect(pace.wait(1065 as EpochMs)).toBe(15);
  });

  test("draws no frame twice when a timer is early", () => {
    const pace = new Pace(1000 as EpochMs, 50);
    pace.advance(1001 as EpochMs);
    expect(pace.advance(1019.5 as EpochMs)).toBe(0);
    expect(pace.wait(1019.5 as EpochMs)).toBe(20.5);
  });
});

/** Collects what a source delivers. */
class Collector {
  readonly frames: RawFrame[] = [];
  readonly states: SourceState[] = [];
  #waiting: (() => void)[] = [];

  frame(frame: SourceFrame): void {
    if (frame.kind === "raw") this.frames.push(frame);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  state(state: SourceState): void {
    this.states.push(state);
  }

  problem(): void {}

  /** Resolves after `count` more frames. */
  async more(count: number): Promise<void> {
    const goal = this.frames.length + count;
    while (this.frames.length < goal) await new Promise<void>((wake) => this.#waiting.push(wake));
  }
}

describe("the built-in scene as a source", () => {
  const sources: Source[] = [];
  afterEach(() => Promise.all(sources.splice(0).map((source) => source.close())));

  async function started(options: Partial<PatternOptions> = {}) {
    const source = patternSource({ width: 96, height: 54, fps: 200, clock: systemClock, ...options });
    sources.push(source);
    const sink = new Collector();
    await source.start(sink);
    return { source, sink };
  }

  test("delivers whole RGBA pictures in separate memory, with their number as code and their times", async () => {
    const before = systemClock.now();
    const { source, sink } = await started();
    source.demand(true);
    await sink.more(5);
    const after = systemClock.now();
    sink.frames.forEach(({ format, width, height, data, number, timings }, i) => {
      expect({ format, width, height, size: data.length }).toEqual({
        format: "rgba",
        width: 96,
        height: 54,
        size: 96 * 54 * 4,
      });
      expect(number).toBe(i + 1);
      expect(codeIn(data, width, height)).toBe(number);
      expect(timings.captured).toBeGreaterThan(before);
      // The two threads' clocks agree within their resolution.
      expect(timings.received).toBeGreaterThan(timings.captured - 0.1);
      expect(timings.received).toBeLessThanOrEqual(after);
    });
    expect(new Set(sink.frames.map(({ data }) => data.buffer)).size).toBe(sink.frames.length);
  });

  test("is live from its start, draws only on demand, continues its numbers after a rest, and stops when it is closed", async () => {
    const { source, sink } = await started();
    expect(sink.states).toMatchObject([{ kind: "live", run: 1 }]);
    const restsWith = async (count: number) => {
      for (let turn = 0; turn < 100; turn++) await setImmediate();
      expect(sink.frames.length).toBe(count);
    };
    await restsWith(0);
    source.demand(true);
    await sink.more(3);
    source.demand(false);
    const [seen, last] = [sink.frames.length, sink.frames.at(-1)?.number ?? 0];
    await restsWith(seen);
    source.demand(true);
    await sink.more(2);
    const [next = 0, afterNext = 0] = sink.frames.slice(seen).map(({ number }) => number);
    expect(sink.frames[0]?.number).toBe(1);
    expect(next).toBeGreaterThan(last);
    expect(afterNext).toBeGreaterThan(next);
    await source.close();
    const total = sink.frames.length;
    source.demand(false);
    source.demand(true);
    await restsWith(total);
  });

  test("may be closed before it is started", async () => {
    await patternSource({ width: 96, height: 54, fps: 30, clock: systemClock }).close();
  });

  test("fails to start if its worker does", async () => {
    const module = new URL("data:text/javascript,throw new Error('broken')");
    await expect(started({ module })).rejects.toThrow(
      "The built-in scene could not start its worker thread.",
    );
  });

  test("restarts a crashed worker a second after its start, counts that, and continues its numbers", async () => {
    const clock = new FakeClock();
    const { source, sink } = await started({ clock, module: new URL(`data:text/javascript,${ONE_FRAME}`) });
    source.demand(true);
    await sink.more(1);
    for (let restarts = 1; restarts <= 3; restarts++) {
      while (clock.timers === 0) await setImmediate();
      expect(sink.frames.at(-1)?.number).toBe(restarts);
      const next = sink.more(1);
      await clock.advance(999);
      expect(source.counters()).toMatchObject({ restarts: restarts - 1 });
      await clock.advance(1);
      expect(source.counters()).toMatchObject({ restarts });
      await next;
    }
    expect(sink.frames.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    await source.close();
  });

  test("leaves no timer when it is closed after a crash", async () => {
    const clock = new FakeClock();
    const { source, sink } = await started({ clock, module: new URL(`data:text/javascript,${ONE_FRAME}`) });
    source.demand(true);
    await sink.more(1);
    while (clock.timers === 0) await setImmediate();
    await source.close();
    expect(clock.timers).toBe(0);
  });
});

/** A worker that delivers one frame when it is told to draw, and crashes. */
const ONE_FRAME = encodeURIComponent(`
  import { parentPort, workerData } from "node:worker_threads";
  parentPort.postMessage({ kind: "ready" });
  parentPort.on("message", ({ draw }) => {
    if (!draw) return;
    const number = workerData.firstNumber;
    parentPort.postMessage({ kind: "frame", number, captured: 0, pixels: new ArrayBuffer(4), skipped: 0 });
    setImmediate(() => { throw new Error("out of memory, say"); });
  });
`);
