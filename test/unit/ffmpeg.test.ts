import { AV_CODEC_ID_VP8, AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P, SWS_BICUBIC } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet, SoftwareScaleContext } from "node-av/lib";
import { afterEach, describe, expect, test } from "vitest";
import type { Bitstream } from "../../src/encoder/encoder.ts";
import { FfmpegVp8Encoder } from "../../src/encoder/ffmpeg.ts";
import type { PixelFormat, RawFrame } from "../../src/frame.ts";
import type { EpochMs } from "../../src/timing.ts";
import { plain, type Rgb } from "../pictures.ts";

const encoder = new FfmpegVp8Encoder();
afterEach(() => encoder.close());

const open = ({ width, height }: RawFrame) => encoder.open({ width, height, fps: 20, bitrate: 1_000_000 });
const encode = (frame: RawFrame, key = false) => encoder.encode(frame, key);

/** The colour in the middle of the last of these frames, by FFmpeg's own VP8 decoder. */
async function middleColour(frames: Bitstream[]): Promise<Rgb> {
  const codec = Codec.findDecoder(AV_CODEC_ID_VP8);
  if (!codec) throw new Error("no VP8 decoder");
  const context = new CodecContext();
  context.allocContext3(codec);
  await context.open2(codec);
  const packet = new Packet();
  packet.alloc();
  const yuv = new Frame();
  yuv.alloc();
  for (const { data } of frames) {
    packet.data = data;
    expect(await context.sendPacket(packet)).toBe(0);
    expect(await context.receiveFrame(yuv)).toBe(0);
  }
  const { width, height } = yuv;
  const rgb = Buffer.alloc(width * height * 3);
  const scaler = new SoftwareScaleContext();
  scaler.getContext(width, height, AV_PIX_FMT_YUV420P, width, height, AV_PIX_FMT_RGB24, SWS_BICUBIC);
  await scaler.scale(yuv.data ?? [], yuv.linesize, 0, height, [rgb], [width * 3]);
  context.freeContext();
  const middle = (Math.floor(height / 2) * width + Math.floor(width / 2)) * 3;
  return [rgb[middle] ?? 0, rgb[middle + 1] ?? 0, rgb[middle + 2] ?? 0];
}

function expectNear(shown: Rgb, colour: Rgb): void {
  for (const channel of [0, 1, 2] as const)
    expect(Math.abs(shown[channel] - colour[channel])).toBeLessThan(7);
}

describe("the VP8 encoder", () => {
  test("the first frame is a keyframe, and then only those asked for", async () => {
    const frame = plain(64, 48, [10, 200, 30]);
    await open(frame);
    const types = [];
    for (const key of [false, false, true, false]) types.push((await encode(frame, key)).type);
    expect(types).toEqual(["key", "delta", "key", "delta"]);
  });

  test("keeps its bitrate by the times of the frames, not by the rate once expected", async () => {
    const frame = plain(320, 180, [0, 0, 0]);
    const bitrate = 200_000;
    await encoder.open({ width: 320, height: 180, fps: 4, bitrate });
    let seed = 1;
    let bytes = 0;
    for (let n = 0; n < 200; n++) {
      // Blocks that change in every frame: as many bits as one gives.
      for (let i = 0; i < frame.data.length; i += 24) {
        seed = (seed * 48_271) % 2_147_483_647;
        frame.data.fill(seed & 31, i, i + 24);
      }
      const captured = (1000 + n * 25) as EpochMs;
      const { data } = await encode({ ...frame, timings: { captured, received: captured } });
      if (n >= 40) bytes += data.length;
    }
    expect((bytes * 8) / 4).toBeLessThan(2 * bitrate);
  });

  test.each<[string, Rgb]>([
    ["red", [220, 20, 20]],
    ["green", [20, 200, 40]],
    ["blue", [30, 40, 210]],
    ["mid grey", [128, 128, 128]],
    ["white", [255, 255, 255]],
    ["black", [0, 0, 0]],
  ])("%s stays that colour within a few levels", async (_, colour) => {
    const frame = plain(64, 48, colour);
    await open(frame);
    const shown = await middleColour([await encode(frame), await encode(frame)]);
    expectNear(shown, colour);
  });

  test.each([
    [1, 1],
    [17, 31],
    [479, 269],
  ])("odd sizes such as %ix%i are encoded as they are", async (width, height) => {
    const frame = plain(width, height, [200, 100, 50]);
    await open(frame);
    const [red] = await middleColour([await encode(frame)]);
    expect(Math.abs(red - 200)).toBeLessThan(12);
  });

  test.each<[PixelFormat, readonly number[]]>([
    ["rgba", [200, 100, 50, 255]],
    ["bgra", [50, 100, 200, 255]],
  ])("%s pixels are taken too", async (format, pixel) => {
    const frame: RawFrame = {
      ...plain(32, 32, [0, 0, 0]),
      format,
      data: Buffer.alloc(32 * 32 * 4, Buffer.from(pixel)),
    };
    await open(frame);
    expectNear(await middleColour([await encode(frame)]), [200, 100, 50]);
  });

  test.each<PixelFormat>(["i420", "nv12"])(
    "%s pixels are taken too, of odd sizes as well",
    async (format) => {
      // BT.601, limited range, of the same colour: Y 123, Cb 91, Cr 175.
      const [luma, chroma] = [33 * 31, 17 * 16];
      const planes =
        format === "i420"
          ? [Buffer.alloc(chroma, 91), Buffer.alloc(chroma, 175)]
          : [Buffer.alloc(2 * chroma, Buffer.from([91, 175]))];
      const data = Buffer.concat([Buffer.alloc(luma, 123), ...planes]);
      const frame: RawFrame = { ...plain(33, 31, [0, 0, 0]), format, data };
      await open(frame);
      expectNear(await middleColour([await encode(frame)]), [200, 100, 50]);
    },
  );

  test("opened again for another size it starts with a keyframe", async () => {
    const small = plain(32, 32, [9, 9, 9]);
    const large = plain(64, 64, [9, 9, 9]);
    await open(small);
    await encode(small);
    await open(large);
    expect(await encode(large)).toMatchObject({ type: "key" });
  });
});
