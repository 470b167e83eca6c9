import { expect, test } from "vitest";
import { Meter } from "../../../web/player/figures/meter.ts";

const report = (number: number, captured: number) => ({
  rtpTimestamp: number * 90 + captured,
  number,
  captured,
  received: captured,
  decoded: captured,
  encoded: captured,
  sent: captured,
});
const format = { codec: "VP8", width: 480, height: 270 };

function meter(since = 0): Meter {
  const made = new Meter();
  made.clock.add({ sent: 0, server: 0, received: 0 });
  made.begin("webrtc", since);
  return made;
}

test("ignores a still picture that is sent again, for the frame rate and the latency", () => {
  const still = meter();
  still.counted({ at: 0, bytes: 0, frames: 0 }, format, true);
  for (const captured of [0, 500, 1000]) {
    const one = report(7, captured);
    still.reported(one);
    still.shown({ shownAt: captured + 30 }, { rtpTimestamp: one.rtpTimestamp });
  }
  still.counted({ at: 1000, bytes: 3000, frames: 3 }, format, true);
  const { fps, latency } = still.stats(1030);
  expect(fps).toBe(1);
  expect(latency?.now).toBe(30);
});

test("counts each frame of a moving picture", () => {
  const moving = meter();
  moving.counted({ at: 0, bytes: 0, frames: 0 }, format, true);
  for (let number = 1; number <= 20; number++) {
    const one = report(number, number * 50);
    moving.reported(one);
    moving.shown({ shownAt: number * 50 + 30 }, { rtpTimestamp: one.rtpTimestamp });
  }
  moving.counted({ at: 1000, bytes: 3000, frames: 20 }, format, true);
  expect(moving.stats(1000).fps).toBe(20);
});

test("ignores a picture from before the viewer joined, for the frame rate and the latency", () => {
  const late = meter(21_000);
  late.counted({ at: 21_000, bytes: 0, frames: 0 }, format, true);
  for (const [number, captured] of [
    [7, 0],
    [7, 21_500],
    [8, 21_600],
  ] as const) {
    const one = report(number, captured);
    late.reported(one);
    late.shown({ shownAt: Math.max(21_100, captured + 30) }, { rtpTimestamp: one.rtpTimestamp });
  }
  late.counted({ at: 22_000, bytes: 3000, frames: 3 }, format, true);
  expect(late.stats(22_000)).toMatchObject({ fps: 1, latency: { median: 30, p95: 30, now: 30 } });
});

test("recognises a repeated still picture that first arrived before the clocks were compared", () => {
  const early = new Meter();
  early.begin("webrtc", 0);
  const show = (captured: number) => {
    const one = report(7, captured);
    early.reported(one);
    early.shown({ shownAt: captured + 30 }, { rtpTimestamp: one.rtpTimestamp });
  };
  show(0);
  early.clock.add({ sent: 0, server: 0, received: 0 });
  show(500);
  expect(early.stats(530).latency).toBeUndefined();
});

test("counts no frames of an idle source, whether the browser reports them or not", () => {
  const ended = meter();
  ended.counted({ at: 0, bytes: 0, frames: 100 }, format, true);
  for (let second = 1; second <= 5; second++) {
    ended.counted({ at: second * 1000, bytes: second * 900, frames: 100 + second * 2 }, format, false);
  }
  expect(ended.stats(5000)).toMatchObject({ fps: 0, bitrate: 7200 });
  for (let second = 6; second <= 10; second++) {
    ended.counted({ at: second * 1000, bytes: second * 900, frames: 110 + (second - 5) * 20 }, format, true);
  }
  expect(ended.stats(10_000).fps).toBe(20);
});

test("reports a still scene for video, and not for MJPEG, which shows every picture", () => {
  const stillMeter = meter();
  stillMeter.still = true;
  expect(stillMeter.stats(0).still).toBe(false);
  stillMeter.counted({ at: 0, bytes: 0, frames: 0 }, format, true);
  expect(stillMeter.stats(100).still).toBe(true);
  stillMeter.begin("mjpeg", 0);
  stillMeter.counted({ at: 200, bytes: 0, frames: 0 }, format, true);
  expect(stillMeter.stats(200).still).toBe(false);
});

test("counts no new picture of a still scene, whatever its number, until it moves", () => {
  const scene = meter();
  const show = (number: number) => {
    const one = report(number, number * 500);
    scene.reported(one);
    scene.shown({ shownAt: number * 500 + 300 }, { rtpTimestamp: one.rtpTimestamp });
  };
  scene.still = true;
  show(1);
  expect(scene.stats(800).latency).toBeUndefined();
  scene.still = false;
  show(2);
  expect(scene.stats(1300).latency?.now).toBe(300);
});
