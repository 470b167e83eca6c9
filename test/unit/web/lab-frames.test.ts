import { describe, expect, test, vi } from "vitest";
import { Frames } from "../../../web/lab/frames.ts";
import { opticalSample, ReportedFrames } from "../../../web/lab/optical.ts";
import type { Sample } from "../../../web/lab/sample.ts";
import type { PlaybackEvents } from "../../../web/player/playback/playback.ts";

/** The server's clock is 1000 ms ahead of the page's. */
const clock = { offset: 1000, uncertainty: 0.5 };

const report = (number: number, captured = 5000) => ({
  rtpTimestamp: number * 4500,
  number,
  captured,
  received: captured + 1,
  decoded: captured + 2,
  encoded: captured + 5,
  sent: captured + 6,
});

function setUp() {
  const timed: Sample[] = [];
  const ports = {
    now: () => 3990,
    clock: () => clock,
    measuring: vi.fn(() => true),
    shown: vi.fn(),
    reported: vi.fn(),
    timed: (sample: Sample) => timed.push(sample),
  };
  const events: PlaybackEvents = {
    connected: vi.fn(),
    picture: vi.fn(),
    silent: vi.fn(),
    reported: vi.fn(),
    shown: vi.fn(),
    counted: vi.fn(),
    refused: vi.fn(),
    lost: vi.fn(),
    blocked: vi.fn(),
  };
  const frames = new Frames(ports);
  const tapped = frames.tap(events);
  tapped.connected();
  return { frames, ports, events, tapped, timed };
}

describe("Frames", () => {
  test("times a frame by its report, up to when it was shown", () => {
    const { tapped, timed, ports, events } = setUp();
    tapped.reported(report(7));
    tapped.shown({ shownAt: 4020, receivedAt: 4010, decodeTime: 3 }, { rtpTimestamp: 31_500 });
    expect(timed).toMatchObject([{ number: 7, shownAt: 4020, captured: 5000, latency: 20 }]);
    expect(timed[0]?.stages.find(({ key }) => key === "network")?.time).toBe(4);
    expect(ports.shown).toHaveBeenCalledExactlyOnceWith(4020);
    expect(events.reported).toHaveBeenCalledOnce();
    expect(events.shown).toHaveBeenCalledOnce();
  });

  test("times a frame with a late report", () => {
    const { tapped, timed } = setUp();
    tapped.shown({ shownAt: 4020 }, { rtpTimestamp: 31_500 });
    expect(timed).toEqual([]);
    tapped.reported(report(7));
    expect(timed).toMatchObject([{ number: 7, latency: 20 }]);
  });

  test("times a frame that carries its times, and reports it to the other lanes", () => {
    const { tapped, timed, ports } = setUp();
    const times = { number: 7, captured: 5000, received: 5001, sent: 5006 };
    tapped.shown({ shownAt: 4030, receivedAt: 4010 }, times);
    expect(timed).toMatchObject([{ number: 7, latency: 30 }]);
    expect(ports.reported).toHaveBeenCalledExactlyOnceWith(times);
  });

  test("does not time repeated pictures, pictures from before it connected, or any while nothing is measured", () => {
    const { tapped, timed, ports } = setUp();
    const times = { number: 7, captured: 5000, received: 5001, sent: 5006 };
    tapped.shown({ shownAt: 4030 }, times);
    tapped.shown({ shownAt: 5030 }, times);
    tapped.shown({ shownAt: 5080 }, { ...times, number: 6, captured: 4980 });
    expect(ports.shown).toHaveBeenCalledTimes(2);
    ports.measuring.mockReturnValue(false);
    tapped.shown({ shownAt: 5130 }, { ...times, number: 8 });
    expect(timed).toHaveLength(1);
    expect(ports.shown).toHaveBeenCalledTimes(2);
  });

  test("calls a lane unmeasurable after many pictures without a known time", () => {
    const { frames, tapped } = setUp();
    for (let at = 0; at < 59; at++) tapped.shown({ shownAt: at }, undefined);
    expect(frames.measurable).toBe(true);
    tapped.shown({ shownAt: 60 }, undefined);
    expect(frames.measurable).toBe(false);
  });
});

describe("the optical reading", () => {
  test("finds the times of a frame by its code, whether they are reported before or after", () => {
    const reported = new ReportedFrames();
    const found = vi.fn();
    reported.seen(7, found);
    expect(found).not.toHaveBeenCalled();
    reported.add(report(2 ** 24 + 7));
    reported.seen(7, found);
    expect(found.mock.calls.map(([times]) => times.number)).toEqual([2 ** 24 + 7, 2 ** 24 + 7]);
  });

  test("forgets the frames of a source that starts over", () => {
    const reported = new ReportedFrames();
    const found = vi.fn();
    reported.add(report(7));
    reported.clear();
    reported.seen(7, found);
    expect(found).not.toHaveBeenCalled();
  });

  test("splits a latency only as far as its parts are known", () => {
    const { latency, stages } = opticalSample(report(7), 4030, clock);
    expect(latency).toBe(30);
    expect(stages).toEqual([
      { key: "render", time: 1 },
      { key: "decode", time: 1 },
      { key: "rest", time: 28 },
    ]);
  });
});
