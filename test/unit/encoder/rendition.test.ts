import { afterEach, describe, expect, test } from "vitest";
import { MIN_KEYFRAME_INTERVAL } from "../../../src/encoder/keyframes.ts";
import { HEARTBEAT, REFINEMENT_DURATION, Rendition } from "../../../src/encoder/rendition.ts";
import type { EncodedFrame } from "../../../src/media/frame.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder } from "../../helpers/fakes.ts";
import { plain } from "../../helpers/pictures.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function start() {
  const clock = new FakeClock();
  const encoder = new FakeEncoder();
  const out: EncodedFrame[] = [];
  const logged: string[] = [];
  const rendition = new Rendition({
    clock,
    encoder: () => encoder,
    fps: () => 20,
    bitrate: undefined,
    level: 0,
    timestampOffset: 0,
    emit: async (frame) => void out.push(frame),
    log: (line) => logged.push(line),
  });
  stops.push(() => rendition.stop());
  const frame = (number: number, width = 480) => {
    const captured = clock.now();
    return { ...plain(width, 270, [0, 0, 0], number), timings: { captured, received: captured } };
  };
  const types = () => out.map(({ type }) => type).join(" ");
  return { clock, encoder, out, logged, rendition, frame, types };
}

describe("a rendition", () => {
  test("encodes each frame once, the first as a keyframe", async () => {
    const { clock, rendition, frame, types, out } = start();
    for (let number = 1; number <= 4; number++) {
      rendition.push(frame(number));
      await clock.advance(50);
    }
    expect(types()).toBe("key delta delta delta");
    expect(out.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
  });

  test("gives a slow encoder the newest frame when it is ready, and finally the last one", async () => {
    const { clock, rendition, frame, encoder, out } = start();
    encoder.work = () => new Promise((resolve) => clock.after(190, resolve));
    for (let number = 1; number <= 41; number++) {
      rendition.push(frame(number));
      await clock.advance(50);
    }
    expect(rendition.counters.dropped).toBeGreaterThan(25);
    await clock.advance(400);
    expect(out.length).toBeGreaterThan(10);
    for (const { timings } of out) expect((timings.encoded ?? 0) - timings.captured).toBeLessThan(2 * 190);
    expect(out.at(-1)?.number).toBe(41);
  });

  test("has timestamps in 90 kHz ticks of the capture time", async () => {
    const { clock, rendition, frame, out } = start();
    rendition.push(frame(1));
    await clock.advance(50);
    rendition.push(frame(2));
    await clock.advance(0);
    const [first, second] = out;
    expect(((second?.rtpTimestamp ?? 0) - (first?.rtpTimestamp ?? 0) + 2 ** 32) % 2 ** 32).toBe(50 * 90);
  });

  test("gives a later timestamp even to a frame that was captured before the last one", async () => {
    const { rendition, frame, out } = start();
    const old = frame(2);
    rendition.push({
      ...frame(1),
      timings: { captured: (old.timings.captured + 1000) as never, received: old.timings.received },
    });
    await settle();
    rendition.push(old);
    await settle();
    expect(((out[1]?.rtpTimestamp ?? 0) - (out[0]?.rtpTimestamp ?? 0) + 2 ** 32) % 2 ** 32).toBe(1);
  });

  test("encodes the last picture again while no frame comes: often at first, then at each heartbeat", async () => {
    const { clock, rendition, frame, out } = start();
    rendition.push(frame(7));
    await clock.advance(REFINEMENT_DURATION);
    expect(out.length).toBeGreaterThan(10);
    await clock.advance(HEARTBEAT);
    const before = out.length;
    await clock.advance(HEARTBEAT * 4);
    expect(out.length).toBe(before + 4);
    expect(new Set(out.map(({ number }) => number))).toEqual(new Set([7]));
  });

  test("slows down in the same way while the same picture comes, until another comes", async () => {
    const { clock, rendition, frame, out } = start();
    rendition.push(frame(1));
    const still = async (time: number) => {
      const before = out.length;
      for (const end = clock.now() + time; clock.now() < end; ) {
        await clock.advance(50);
        rendition.push(frame(2), true);
      }
      return out.length - before;
    };
    expect(await still(REFINEMENT_DURATION - 100)).toBe((REFINEMENT_DURATION - 100) / 50);
    await still(HEARTBEAT);
    expect(await still(HEARTBEAT * 4)).toBe(4);
    rendition.push(frame(3));
    await settle();
    expect(out.at(-1)?.number).toBe(3);
    expect(await still(1000)).toBeGreaterThan(15);
  });

  test("makes a keyframe of a still picture at once on request", async () => {
    const { clock, rendition, frame, types, out } = start();
    rendition.push(frame(1));
    await clock.advance(MIN_KEYFRAME_INTERVAL);
    const before = out.length;
    rendition.requestKeyframe();
    await settle();
    expect(types().split(" ").slice(before)).toEqual(["key"]);
  });

  test("makes one keyframe for fifty requests, and the next only after the interval", async () => {
    const { clock, rendition, frame, out } = start();
    rendition.push(frame(1));
    await clock.advance(MIN_KEYFRAME_INTERVAL);
    for (let viewer = 0; viewer < 50; viewer++) rendition.requestKeyframe();
    await settle();
    for (let viewer = 0; viewer < 50; viewer++) rendition.requestKeyframe();
    await settle();
    const keyframes = () => out.filter(({ type }) => type === "key").length;
    expect(keyframes()).toBe(2);
    await clock.advance(MIN_KEYFRAME_INTERVAL - 1);
    expect(keyframes()).toBe(2);
    await clock.advance(1);
    expect(keyframes()).toBe(3);
  });

  test("opens the encoder again when the picture changes its size", async () => {
    const { rendition, frame, encoder, types } = start();
    rendition.push(frame(1, 480));
    await settle();
    rendition.push(frame(2, 960));
    await settle();
    expect(encoder.opened.map(({ width }) => width)).toEqual([480, 960]);
    expect(types()).toBe("key key");
  });

  test("opens a failed encoder again a second later, and goes on", async () => {
    const { clock, rendition, frame, encoder, types, logged } = start();
    encoder.fail = true;
    rendition.push(frame(1));
    await settle();
    encoder.fail = false;
    rendition.push(frame(2));
    await settle();
    expect(types()).toBe("");
    await clock.advance(1000);
    expect(types()).toBe("key");
    expect(encoder.opened).toHaveLength(2);
    expect(logged).toHaveLength(1);
  });

  test("frees the encoder after the current frame when it is stopped, and leaves no timer", async () => {
    const { clock, rendition, frame, encoder, out } = start();
    rendition.push(frame(1));
    rendition.stop();
    expect(encoder.closed).toBe(0);
    await settle();
    expect(encoder.closed).toBe(1);
    expect(out).toEqual([]);
    expect(clock.timers).toBe(0);
  });
});
