import { describe, expect, test } from "vitest";
import { AV1RtpPayload } from "werift";
import type { EpochMs } from "../../../src/base/clock.ts";
import { FfmpegAv1Encoder } from "../../../src/encoder/ffmpeg/av1.ts";
import { MAX_PAYLOAD } from "../../../src/media/frame.ts";
import { leb128, OBU, obusOf } from "../../../src/media/obu.ts";
import { av1Payloads } from "../../../src/transport/packets/av1.ts";
import { decoded } from "../../helpers/decoded.ts";
import { randomFrom } from "../../helpers/fuzz.ts";
import { fillNoise, plain } from "../../helpers/pictures.ts";

const FRAME = 6;

/** An OBU of this type and payload size, with a size field. */
function obu(type: number, bytes: number): Buffer {
  const payload = Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 7) % 256));
  return Buffer.concat([Buffer.from([(type << 3) | 2]), leb128(bytes), payload]);
}

/** What werift's depacketizer makes of payloads: OBUs with sizes. */
function reassembled(payloads: readonly Buffer[]): Buffer {
  return AV1RtpPayload.getFrame(payloads.map((payload) => AV1RtpPayload.deSerialize(payload)));
}

const typesAndPayloads = (unit: Buffer) =>
  obusOf(unit).map(({ type, payload }) => [type, payload.toString("hex")]);

describe("OBUs", () => {
  test.each([0, 1, 127, 128, 16_383, 16_384, 5_000_000])("are read with a size of %i", (bytes) => {
    const [only] = obusOf(
      Buffer.concat([Buffer.from([(FRAME << 3) | 2]), leb128(bytes), Buffer.alloc(bytes)]),
    );
    expect(only?.payload).toHaveLength(bytes);
  });

  test("may have a header of two bytes, and the last one no size field", () => {
    const [first, last, ...none] = obusOf(Buffer.from([0x36, 0x20, 1, 9, 0x30, 1, 2, 3]));
    expect([first, last]).toMatchObject([
      { type: FRAME, header: Buffer.from([0x34, 0x20]), payload: Buffer.from([9]) },
      { type: FRAME, header: Buffer.from([0x30]), payload: Buffer.from([1, 2, 3]) },
    ]);
    expect(none).toEqual([]);
  });

  test.each([
    ["is longer than the data", [0x32, 5, 1]],
    ["ends in its header", [0x34]],
    ["ends in its size field", [0x32, 0x80]],
    ["has a size field that does not end", [0x32, ...Array(9).fill(0x80), 1]],
  ])("are refused if one %s", (_, bytes) => {
    expect(() => obusOf(Buffer.from(bytes))).toThrow(RangeError);
  });
});

describe("AV1 payloads", () => {
  test.each([1, 60, 1175, 1176, 1177, 1178, 1179, 2352, 2360, 100_000])(
    "of a frame of %i bytes are reassembled by an independent depacketizer",
    (bytes) => {
      const unit = Buffer.concat([
        obu(OBU.temporalDelimiter, 0),
        obu(OBU.sequenceHeader, 11),
        obu(FRAME, bytes),
      ]);
      const payloads = av1Payloads(unit, MAX_PAYLOAD);
      for (const { length } of payloads) expect(length).toBeLessThanOrEqual(MAX_PAYLOAD);
      expect(typesAndPayloads(reassembled(payloads))).toEqual(typesAndPayloads(unit).slice(1));
      // All but the last are full, all but the first continue an OBU, and only the first starts a sequence.
      expect(new Set(payloads.slice(0, -1).map(({ length }) => length)).size).toBeLessThan(2);
      const parsed = payloads.map((payload) => AV1RtpPayload.deSerialize(payload));
      expect(parsed.map((one) => one.zBit_RtpStartsWithFragment)).toEqual(
        parsed.map((_, n) => (n === 0 ? 0 : 1)),
      );
      expect(parsed.map((one) => one.nBit_RtpStartsNewCodedVideoSequence)).toEqual(
        parsed.map((_, n) => (n === 0 ? 1 : 0)),
      );
    },
  );

  test.each(Array.from({ length: 12 }, (_, n) => 1168 + n))(
    "never start a second OBU at the end of a packet, after one of %i bytes",
    (bytes) => {
      const unit = Buffer.concat([obu(FRAME, bytes), obu(FRAME, 900)]);
      const payloads = av1Payloads(unit, MAX_PAYLOAD);
      expect(typesAndPayloads(reassembled(payloads))).toEqual(typesAndPayloads(unit));
      expect(payloads.slice(1).every(([first = 0]) => (first & 0x80) !== 0)).toBe(true);
    },
  );

  test("leave out temporal delimiters, padding and tile lists", () => {
    const unit = Buffer.concat([obu(OBU.temporalDelimiter, 0), obu(OBU.padding, 9), obu(OBU.tileList, 9)]);
    expect(av1Payloads(unit, MAX_PAYLOAD)).toEqual([]);
    expect(av1Payloads(Buffer.alloc(0), MAX_PAYLOAD)).toEqual([]);
  });
});

test("an encoded stream decodes to the same pictures directly and packetized", async () => {
  const [width, height] = [640, 368];
  const encoder = new FfmpegAv1Encoder();
  await encoder.open({ width, height, fps: 20, bitrate: 8_000_000 });
  const [given, sent]: { data: Buffer }[][] = [[], []];
  let most = 0;
  const random = randomFrom(1);
  for (let n = 0; n < 6; n++) {
    const time = (1000 + n * 50) as EpochMs;
    const frame = { ...plain(width, height, [0, 0, 0], n + 1), timings: { captured: time, received: time } };
    fillNoise(frame.data, random, 9);
    const { type, data } = await encoder.encode(frame, n === 3);
    expect(type).toBe(n % 3 === 0 ? "key" : "delta");
    const payloads = av1Payloads(data, MAX_PAYLOAD);
    most = Math.max(most, payloads.length);
    given?.push({ data });
    sent?.push({ data: reassembled(payloads) });
  }
  encoder.close();
  expect(most).toBeGreaterThan(3);
  const [expected, shown] = [await decoded("av1", given ?? []), await decoded("av1", sent ?? [])];
  expect(shown.data?.[0]?.equals(expected.data?.[0] ?? Buffer.alloc(0))).toBe(true);
  expected.free();
  shown.free();
});
