import { AV_CODEC_ID_H264 } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet } from "node-av/lib";
import { describe, expect, test } from "vitest";
import { H264RtpPayload } from "werift";
import type { EpochMs } from "../../../src/base/clock.ts";
import { FfmpegH264Encoder } from "../../../src/encoder/ffmpeg/h264.ts";
import { NAL, nalType, nalUnits } from "../../../src/media/annexb.ts";
import { type EncodedFrame, MAX_PAYLOAD } from "../../../src/media/frame.ts";
import { h264Payloads, singleUnits } from "../../../src/transport/packets/h264.ts";
import { type MediaPacket, Packetizer } from "../../../src/transport/packets/packetizer.ts";
import { randomFrom } from "../../helpers/fuzz.ts";
import { fillNoise, plain } from "../../helpers/pictures.ts";

const SHORT_CODE = [0, 0, 1];
const LONG_CODE = [0, 0, 0, 1];

/** A NAL unit of this type and length, without a byte that could be part of a start code. */
function unit(type: number, bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, i) => (i === 0 ? 0x60 | type : 1 + ((i * 7) % 255))));
}

const stream = (units: readonly Buffer[], code: readonly number[] = LONG_CODE) =>
  Buffer.concat(units.flatMap((one) => [Buffer.from(code), one]));

/** The byte stream that werift's depacketizer makes of payloads. */
function reassembled(payloads: readonly Buffer[]): Buffer {
  let fragment: Buffer | undefined;
  const parts = payloads.map((payload) => {
    const parsed = H264RtpPayload.deSerialize(payload, fragment);
    fragment = parsed.fragment;
    return parsed.payload ?? Buffer.alloc(0);
  });
  expect(fragment).toBeUndefined();
  return Buffer.concat(parts);
}

const kindOf = (payload: Buffer) => (payload[0] ?? 0) & 0x1f;

describe("a byte stream's NAL units", () => {
  test.each([
    ["start codes of three bytes", [...SHORT_CODE, 0x67, 1, ...SHORT_CODE, 0x68, 2], ["6701", "6802"]],
    ["start codes of four bytes", [...LONG_CODE, 0x67, 1, ...LONG_CODE, 0x68, 2], ["6701", "6802"]],
    ["zeros before the first unit", [0, 0, ...LONG_CODE, 0x67, 1], ["6701"]],
    [
      "zeros behind each unit",
      [...LONG_CODE, 0x67, 1, 0, 0, 0, ...SHORT_CODE, 0x68, 2, 0, 0, 0, 0],
      ["6701", "6802"],
    ],
    ["empty units", [...LONG_CODE, ...LONG_CODE, 0x67, 1, ...SHORT_CODE, ...SHORT_CODE], ["6701"]],
    ["zeros within", [...LONG_CODE, 0x67, 0, 0, 3, 1, 0, 2], ["67000003010002"]],
    ["only a start code", LONG_CODE, []],
    ["only zeros", [0, 0, 0, 0, 0], []],
    ["no bytes", [], []],
    ["bytes but no start code", [0x67, 1, 2, 3], []],
  ])("are found with %s", (_, bytes, expected) => {
    expect(nalUnits(Buffer.from(bytes)).map((one) => one.toString("hex"))).toEqual(expected);
  });
});

describe("H.264 payloads", () => {
  test.each([1, 2, 1177, 1178, 1180, 1181, 2357, 2358, 100_000])(
    "of a unit of %i bytes are reassembled by an independent depacketizer",
    (bytes) => {
      const frame = stream([unit(NAL.slice, bytes)]);
      const payloads = h264Payloads(frame, MAX_PAYLOAD);
      for (const { length } of payloads) expect(length).toBeLessThanOrEqual(MAX_PAYLOAD);
      expect(payloads).toHaveLength(bytes <= MAX_PAYLOAD ? 1 : Math.ceil((bytes - 1) / (MAX_PAYLOAD - 2)));
      expect(reassembled(payloads)).toEqual(frame);
    },
  );

  test.each([
    ["small ones share a payload", [12, 4, 900], [24]],
    ["as many as fit share a payload", [700, 400, 300, 300, 1180], [24, 24, 1]],
    ["a single one is sent as it is", [700, 700, 2000, 5], [7, 7, 28, 28, 7]],
    // STAP-A adds 1 byte, and 2 for each unit.
    ["they may fill a payload to the last byte", [600, MAX_PAYLOAD - 605], [24]],
    ["they may not exceed a payload", [600, MAX_PAYLOAD - 604], [7, 7]],
  ])("of several units: %s", (_, lengths, kinds) => {
    const units = lengths.map((bytes) => unit(bytes === 1180 ? NAL.slice : NAL.sps, bytes));
    const payloads = h264Payloads(stream(units, SHORT_CODE), MAX_PAYLOAD);
    for (const { length } of payloads) expect(length).toBeLessThanOrEqual(MAX_PAYLOAD);
    expect(payloads.map(kindOf)).toEqual(kinds);
    expect(reassembled(payloads)).toEqual(stream(units));
  });

  test.each([5000, 5001, 5005])(
    "of a unit of %i bytes have equal sizes, except a shorter last one",
    (bytes) => {
      const payloads = h264Payloads(stream([unit(NAL.idr, bytes)]), MAX_PAYLOAD);
      const [first = 0, ...others] = payloads.map(({ length }) => length);
      const last = others.pop() ?? 0;
      expect(new Set([first, ...others]).size).toBe(1);
      expect(last).toBeLessThanOrEqual(first);
      expect(last).toBeGreaterThan(first - 10);
      // Only the first has the start bit, only the last the end bit.
      expect(payloads.map((payload) => (payload[1] ?? 0) >> 6)).toEqual(
        payloads.map((_, n) => (n === 0 ? 2 : n === payloads.length - 1 ? 1 : 0)),
      );
    },
  );

  test("of several units have the highest importance of them, and are damaged if one is", () => {
    const units = [Buffer.from([0x06, 1]), Buffer.from([0xa1, 2]), Buffer.from([0x48, 3])];
    expect(h264Payloads(stream(units), MAX_PAYLOAD)[0]?.[0]).toBe(0x80 | 0x40 | 24);
  });

  test("in single unit mode are the units that fit, unchanged", () => {
    const units = [unit(NAL.sps, 12), unit(NAL.slice, MAX_PAYLOAD), unit(NAL.slice, MAX_PAYLOAD + 1)];
    expect(singleUnits(stream(units), MAX_PAYLOAD)).toEqual(units.slice(0, 2));
  });

  test("are empty for a frame without a NAL unit", () => {
    for (const bytes of [[], LONG_CODE, [1, 2, 3]])
      expect(h264Payloads(Buffer.from(bytes), MAX_PAYLOAD)).toEqual([]);
  });
});

test.each([
  ["h264", [NAL.slice, 24, 28]],
  // No fragments, no aggregates.
  ["h264-single", [NAL.slice, NAL.idr, NAL.sps, NAL.pps]],
] as const)(
  "an encoded stream decodes to the same pictures directly and packetized, as %s",
  async (codec, expectedKinds) => {
    const [width, height] = [320, 192];
    const encoder = new FfmpegH264Encoder(codec);
    await encoder.open({ width, height, fps: 20, bitrate: 8_000_000 });
    const packetizer = new Packetizer();
    const [direct, packetized] = [new Decoder(), new Decoder()];
    const kinds = new Set<number>();
    const random = randomFrom(1);
    for (let n = 0; n < 12; n++) {
      const time = (1000 + n * 50) as EpochMs;
      const frame = {
        ...plain(width, height, [0, 0, 0], n + 1),
        timings: { captured: time, received: time },
      };
      // Three black frames of one packet each, then three of noise with many packets.
      if (n % 6 > 2) fillNoise(frame.data, random, 9);
      const { type, data } = await encoder.encode(frame, n === 6);
      const about = {
        codec,
        level: 0,
        fullBitrate: 1_000_000,
        number: n + 1,
        width,
        height,
        timings: frame.timings,
      } as const;
      const encoded: EncodedFrame = { ...about, type, rtpTimestamp: n * 4500, data };
      const packets: readonly MediaPacket[] = packetizer.packetize(encoded);
      expect(packets.map(({ marker }) => marker)).toEqual(packets.map((_, i) => i === packets.length - 1));
      const payloads = packets.map(({ payload }) => payload);
      for (const { length } of payloads) expect(length).toBeLessThanOrEqual(MAX_PAYLOAD);
      for (const payload of payloads) kinds.add(kindOf(payload));
      if (type === "key") {
        const [first] = nalUnits(reassembled(payloads.slice(0, 1)));
        expect(nalType(first as Buffer)).toBe(NAL.sps);
      }
      const expected = await direct.luma(data);
      expect(expected.length).toBeGreaterThanOrEqual(width * height);
      expect((await packetized.luma(reassembled(payloads))).equals(expected)).toBe(true);
    }
    encoder.close();
    direct.close();
    packetized.close();
    for (const kind of expectedKinds) expect(kinds).toContain(kind);
    if (codec === "h264-single") for (const kind of kinds) expect(kind).toBeLessThan(24);
  },
);

/** FFmpeg's own decoder. */
class Decoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  #open = false;

  async luma(data: Buffer): Promise<Buffer> {
    if (!this.#open) {
      const codec = Codec.findDecoder(AV_CODEC_ID_H264);
      if (!codec) throw new Error("no H.264 decoder");
      this.#context.allocContext3(codec);
      this.#context.threadCount = 1;
      await this.#context.open2(codec);
      this.#packet.alloc();
      this.#frame.alloc();
      this.#open = true;
    }
    this.#packet.data = data;
    expect(await this.#context.sendPacket(this.#packet)).toBe(0);
    expect(await this.#context.receiveFrame(this.#frame)).toBe(0);
    return Buffer.from(this.#frame.data?.[0] ?? []);
  }

  close(): void {
    this.#frame.free();
    this.#packet.free();
    this.#context.freeContext();
  }
}
