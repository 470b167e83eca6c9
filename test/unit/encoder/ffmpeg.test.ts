import {
  AV_PIX_FMT_RGB24,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_RGB,
  AVCOL_SPC_SMPTE170M,
} from "node-av/constants";
import { Frame, SoftwareScaleContext } from "node-av/lib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EpochMs } from "../../../src/base/clock.ts";
import type { Bitstream, VideoEncoder } from "../../../src/encoder/encoder.ts";
import { FfmpegH264Encoder } from "../../../src/encoder/ffmpeg/h264.ts";
import { FfmpegVp8Encoder } from "../../../src/encoder/ffmpeg/vp8.ts";
import { NAL, nalType, nalUnits } from "../../../src/media/annexb.ts";
import type { PixelFormat, RawFrame } from "../../../src/media/frame.ts";
import { decoded } from "../../helpers/decoded.ts";
import { randomFrom } from "../../helpers/fuzz.ts";
import { fillNoise, plain, type Rgb, stripes, worstDifference } from "../../helpers/pictures.ts";

const ENCODERS = { VP8: FfmpegVp8Encoder, "H.264": FfmpegH264Encoder };

let encoder: VideoEncoder = new FfmpegVp8Encoder();
afterEach(() => encoder.close());

const open = ({ width, height }: RawFrame) => encoder.open({ width, height, fps: 20, bitrate: 1_000_000 });
const encode = (frame: RawFrame, key = false) => encoder.encode(frame, key);

const decode = (frames: Bitstream[]) => decoded(encoder.codec, frames);

/** A decoded frame's colours, by its own colour description, at some heights in the middle column. */
async function coloursAt(yuv: Frame, heights: readonly number[]): Promise<Rgb[]> {
  const { width, height } = yuv;
  const rgb = new Frame();
  rgb.alloc();
  rgb.width = width;
  rgb.height = height;
  rgb.format = AV_PIX_FMT_RGB24;
  rgb.colorSpace = AVCOL_SPC_RGB;
  rgb.colorRange = AVCOL_RANGE_JPEG;
  rgb.getBuffer();
  const scaler = new SoftwareScaleContext();
  scaler.allocContext();
  expect(await scaler.scaleFrame(rgb, yuv)).toBeGreaterThanOrEqual(0);
  scaler.freeContext();
  const pixels = Buffer.from(rgb.data?.[0] ?? []);
  const stride = rgb.linesize[0] ?? 0;
  rgb.free();
  return heights.map((share) => {
    const at = Math.floor(share * height) * stride + Math.floor(width / 2) * 3;
    return [pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0];
  });
}

/** The colour in the middle of the last frame. */
async function middleColour(frames: Bitstream[]): Promise<Rgb> {
  const yuv = await decode(frames);
  const [colour] = await coloursAt(yuv, [0.5]);
  yuv.free();
  return colour as Rgb;
}

function expectNear(shown: Rgb, colour: Rgb): void {
  for (const channel of [0, 1, 2] as const)
    expect(Math.abs(shown[channel] - colour[channel])).toBeLessThan(7);
}

describe.each(["VP8", "H.264"] as const)("the %s encoder", (name) => {
  beforeEach(() => {
    encoder = new ENCODERS[name]();
  });

  test("makes keyframes only of the first frame and on request", async () => {
    const frame = plain(64, 48, [10, 200, 30]);
    await open(frame);
    const types = [];
    for (const key of [false, false, true, false]) types.push((await encode(frame, key)).type);
    expect(types).toEqual(["key", "delta", "key", "delta"]);
  });

  test("keeps its bitrate over the capture times, not over the expected frame rate", async () => {
    const frame = plain(320, 180, [0, 0, 0]);
    const bitrate = 200_000;
    await encoder.open({ width: 320, height: 180, fps: 4, bitrate });
    const random = randomFrom(1);
    let bytes = 0;
    for (let n = 0; n < 200; n++) {
      // Blocks that change in every frame use the whole bitrate.
      fillNoise(frame.data, random, 24, 32);
      const captured = (1000 + n * 25) as EpochMs;
      const { data } = await encode({ ...frame, timings: { captured, received: captured } });
      if (n >= 40) bytes += data.length;
    }
    expect((bytes * 8) / 4).toBeLessThan(2 * bitrate);
  });

  test.each([
    ["BT.601", 320, 240],
    [name === "VP8" ? "BT.601" : "BT.709", 1280, 720],
  ])("keeps colours within a few levels, as %s in %ix%i", async (matrix, width, height) => {
    const colours = [0, 128, 255].flatMap((r) =>
      [0, 128, 255].flatMap((g) => [0, 128, 255].map((b): Rgb => [r, g, b])),
    );
    const frame: RawFrame = {
      ...plain(1, 1, [0, 0, 0]),
      format: "rgba",
      width,
      height,
      data: stripes("rgba", width, height, colours),
    };
    await encoder.open({ width, height, fps: 20, bitrate: 8_000_000 });
    const frames = [];
    for (let n = 0; n < 4; n++) frames.push(await encode(frame));
    const yuv = await decode(frames);
    if (name === "H.264") {
      expect(yuv.colorSpace).toBe(matrix === "BT.709" ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M);
      expect(yuv.colorRange).toBe(AVCOL_RANGE_MPEG);
    }
    const shown = await coloursAt(
      yuv,
      colours.map((_, n) => (n + 0.5) / colours.length),
    );
    yuv.free();
    for (const [n, colour] of colours.entries()) expectNear(shown[n] as Rgb, colour);
  });

  test.each([
    [1, 1],
    [17, 31],
    [479, 269],
  ])("keeps odd sizes such as %ix%i, or makes them even with H.264", async (width, height) => {
    const frame = plain(width, height, [200, 100, 50]);
    await open(frame);
    const yuv = await decode([await encode(frame)]);
    const even = name === "H.264" ? 1 : 0;
    expect([yuv.width, yuv.height]).toEqual([width + (width % 2) * even, height + (height % 2) * even]);
    // The last column and row have the picture's colour too.
    for (const [plane, level] of [123, 91, 175].entries()) {
      const sides = [yuv.width, yuv.height].map((side) => (plane === 0 ? side : Math.ceil(side / 2)));
      const [columns, rows] = sides as [number, number];
      const stride = yuv.linesize[plane] ?? 0;
      const lines = Array.from({ length: rows }, (_, y) => y * stride).map((row) =>
        worstDifference(yuv.data?.[plane]?.subarray(row, row + columns), [level]),
      );
      expect(Math.max(...lines)).toBeLessThan(8);
    }
    yuv.free();
  });

  test.each<[PixelFormat, readonly number[]]>([
    ["rgba", [200, 100, 50, 255]],
    ["bgra", [50, 100, 200, 255]],
  ])("accepts %s pixels", async (format, pixel) => {
    const frame: RawFrame = {
      ...plain(32, 32, [0, 0, 0]),
      format,
      data: Buffer.alloc(32 * 32 * 4, Buffer.from(pixel)),
    };
    await open(frame);
    expectNear(await middleColour([await encode(frame)]), [200, 100, 50]);
  });

  test.each<PixelFormat>(["i420", "nv12"])("accepts %s pixels, of odd sizes too", async (format) => {
    // The same colour in BT.601, limited range: Y 123, Cb 91, Cr 175.
    const [luma, chroma] = [33 * 31, 17 * 16];
    const planes =
      format === "i420"
        ? [Buffer.alloc(chroma, 91), Buffer.alloc(chroma, 175)]
        : [Buffer.alloc(2 * chroma, Buffer.from([91, 175]))];
    const data = Buffer.concat([Buffer.alloc(luma, 123), ...planes]);
    const frame: RawFrame = { ...plain(33, 31, [0, 0, 0]), format, data };
    await open(frame);
    expectNear(await middleColour([await encode(frame)]), [200, 100, 50]);
  });

  test("starts with a keyframe when it is reopened for another size", async () => {
    const small = plain(32, 32, [9, 9, 9]);
    const large = plain(64, 64, [9, 9, 9]);
    await open(small);
    await encode(small);
    await open(large);
    expect(await encode(large)).toMatchObject({ type: "key" });
  });
});

describe("the H.264 encoder", () => {
  const typesOf = ({ data }: Bitstream) => nalUnits(data).map(nalType);

  beforeEach(() => {
    encoder = new FfmpegH264Encoder();
  });

  test("writes SPS and PPS with each keyframe", async () => {
    const [dark, bright] = [plain(64, 48, [10, 20, 30]), plain(64, 48, [250, 200, 180])];
    await open(dark);
    const frames = [];
    for (let n = 0; n < 30; n++) frames.push(await encode(n % 2 === 0 ? dark : bright, n === 20));
    for (const [n, frame] of frames.entries()) {
      const types = typesOf(frame);
      if (n % 20 > 0) expect(types).toEqual([NAL.slice]);
      else expect([types.slice(0, 2), types.at(-1)]).toEqual([[NAL.sps, NAL.pps], NAL.idr]);
    }
    const yuv = await decode(frames.slice(20));
    const [shown] = await coloursAt(yuv, [0.5]);
    yuv.free();
    expectNear(shown as Rgb, [250, 200, 180]);
  });

  test.each([
    [480, 270, 20, 31],
    [1280, 720, 30, 31],
    [1280, 720, 60, 32],
    [1920, 1080, 30, 40],
    [2, 4096, 5, 40],
  ])(
    "encodes %ix%i at %i frames per second as constrained baseline of level %i",
    async (width, height, fps, level) => {
      await encoder.open({ width, height, fps, bitrate: 1_000_000 });
      const { data } = await encode(plain(width, height, [9, 9, 9]));
      const [, profile, constraints, written] =
        nalUnits(data).find((unit) => nalType(unit) === NAL.sps) ?? [];
      expect([profile, written]).toEqual([0x42, level]);
      // Both constraint flags together mean constrained baseline.
      expect((constraints ?? 0) & 0xc0).toBe(0xc0);
    },
  );

  test("keeps its bitrate without a keyframe, even if each frame is a new scene", async () => {
    const frame = plain(320, 180, [0, 0, 0]);
    await encoder.open({ width: 320, height: 180, fps: 20, bitrate: 1_600_000 });
    const random = randomFrom(1);
    const second = async (from: number) => {
      let bytes = 0;
      for (let n = from; n < from + 20; n++) {
        fillNoise(frame.data, random, 24, 64);
        const captured = (1000 + n * 50) as EpochMs;
        const { type, data } = await encode({ ...frame, timings: { captured, received: captured } });
        if (n > 0) expect(type).toBe("delta");
        bytes += data.length;
      }
      return bytes * 8;
    };
    const seconds = [];
    for (let n = 0; n < 4; n++) seconds.push(await second(n * 20));
    expect(seconds[3]).toBeGreaterThan(1_000_000);
    expect(seconds[3]).toBeLessThan(2_000_000);
  });
});
