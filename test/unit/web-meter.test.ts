import { expect, it } from "vitest";
import { Meter } from "../../web/player/meter.ts";

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

function meter(): Meter {
  const made = new Meter();
  made.clock.add({ sent: 0, server: 0, received: 0 });
  made.begin("webrtc");
  return made;
}

it("counts a still picture that is sent again neither as a frame nor as latency", () => {
  const still = meter();
  still.counted({ at: 0, bytes: 0, frames: 0 }, format);
  for (const captured of [0, 500, 1000]) {
    const one = report(7, captured);
    still.reported(one);
    still.shown({ shownAt: captured + 30 }, { rtpTimestamp: one.rtpTimestamp });
  }
  still.counted({ at: 1000, bytes: 3000, frames: 3 }, format);
  const { fps, latency } = still.stats(1030);
  expect(fps).toBe(1);
  expect(latency?.now).toBe(30);
});

it("counts each frame of a moving picture", () => {
  const moving = meter();
  moving.counted({ at: 0, bytes: 0, frames: 0 }, format);
  for (let number = 1; number <= 20; number++) {
    const one = report(number, number * 50);
    moving.reported(one);
    moving.shown({ shownAt: number * 50 + 30 }, { rtpTimestamp: one.rtpTimestamp });
  }
  moving.counted({ at: 1000, bytes: 3000, frames: 20 }, format);
  expect(moving.stats(1000).fps).toBe(20);
});
