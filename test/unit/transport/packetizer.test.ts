import { describe, expect, test } from "vitest";
import { Vp8RtpPayload } from "werift";
import type { EpochMs } from "../../../src/base/clock.ts";
import { type EncodedFrame, MAX_PAYLOAD } from "../../../src/media/frame.ts";
import { Packetizer } from "../../../src/transport/packets/packetizer.ts";
import { vp8Payloads } from "../../../src/transport/packets/vp8.ts";

function frameOf(bytes: number, rtpTimestamp = 9000): EncodedFrame {
  const data = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7) % 256));
  const timings = { captured: 0 as EpochMs, received: 0 as EpochMs };
  return {
    codec: "vp8",
    level: 0,
    fullBitrate: 1_000_000,
    type: "delta",
    width: 2,
    height: 2,
    number: 1,
    rtpTimestamp,
    data,
    timings,
  };
}

describe("VP8 payloads", () => {
  test.each([1, 1178, 1179, 1180, 2358, 2359, 100_000])(
    "of a frame of %i bytes are reassembled by an independent depacketizer",
    (bytes) => {
      const { data } = frameOf(bytes);
      const parsed = vp8Payloads(data, MAX_PAYLOAD).map((payload) => Vp8RtpPayload.deSerialize(payload));
      expect(Buffer.concat(parsed.map(({ payload }) => payload ?? Buffer.alloc(0)))).toEqual(data);
      // It would jump at each change of rendition.
      expect(parsed.map(({ pictureId }) => pictureId)).toEqual(parsed.map(() => undefined));
      expect(parsed.map(({ sBit }) => sBit)).toEqual(parsed.map((_, i) => (i === 0 ? 1 : 0)));
    },
  );

  test.each([5000, 5001, 5005])(
    "of a frame of %i bytes have equal sizes, except a shorter last one",
    (bytes) => {
      const lengths = vp8Payloads(frameOf(bytes).data, MAX_PAYLOAD).map(({ length }) => length);
      const last = lengths.pop() ?? 0;
      expect(lengths[0]).toBeLessThanOrEqual(MAX_PAYLOAD);
      expect(new Set(lengths).size).toBe(1);
      expect(last).toBeLessThanOrEqual(lengths[0] ?? 0);
      expect(last).toBeGreaterThan((lengths[0] ?? 0) - 10);
    },
  );

  test("an empty frame is one payload", () => {
    expect(vp8Payloads(Buffer.alloc(0), MAX_PAYLOAD)).toHaveLength(1);
  });
});

describe("the packetizer", () => {
  test("marks the last packet of a frame, and gives all of them its timestamp", () => {
    const packets = new Packetizer().packetize(frameOf(3000, 77));
    expect(packets.map(({ marker }) => marker)).toEqual([false, false, true]);
    expect(packets.every(({ timestamp }) => timestamp === 77)).toBe(true);
  });

  test("counts across frames", () => {
    const packetizer = new Packetizer();
    const first = packetizer.packetize(frameOf(3000));
    const second = packetizer.packetize(frameOf(10));
    expect([...first, ...second].map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  });
});
