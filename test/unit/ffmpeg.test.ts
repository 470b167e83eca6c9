import { AV_CODEC_ID_VP8, AV_PIX_FMT_RGB24, AV_PIX_FMT_YUV420P, SWS_BICUBIC } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet, SoftwareScaleContext } from "node-av/lib";
import { afterEach, describe, expect, test } from "vitest";
import { FfmpegVp8Encoder } from "../../src/encoder/ffmpeg.ts";
import type { EncodedFrame, RawFrame } from "../../src/frame.ts";
import { FakeClock } from "../fake-clock.ts";
import { plain, type Rgb } from "../pictures.ts";

const encoder = new FfmpegVp8Encoder(new FakeClock());
afterEach(() => encoder.close());

const open = ({ width, height }: RawFrame) => encoder.open({ width, height, fps: 20, bitrate: 1_000_000 });
const encode = (frame: RawFrame, key = false) => encoder.encode(frame, { key, rtpTimestamp: 4500 });

/** The colour in the middle of the last of these frames, by FFmpeg's own VP8 decoder. */
async function middleColour(frames: EncodedFrame[]): Promise<Rgb> {
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

describe("the VP8 encoder", () => {
  test("the first frame is a keyframe, and then only those asked for", async () => {
    const frame = plain(64, 48, [10, 200, 30]);
    await open(frame);
    const types = [];
    for (const key of [false, false, true, false]) types.push((await encode(frame, key)).type);
    expect(types).toEqual(["key", "delta", "key", "delta"]);
  });

  test("each frame comes out at once, with what it was given", async () => {
    const frame = plain(64, 48, [10, 200, 30], 77);
    await open(frame);
    expect(await encode(frame)).toMatchObject({
      codec: "vp8",
      width: 64,
      height: 48,
      number: 77,
      rtpTimestamp: 4500,
    });
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
    for (const channel of [0, 1, 2])
      expect(Math.abs((shown[channel] ?? 0) - (colour[channel] ?? 0))).toBeLessThan(7);
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

  test("pixels with an alpha channel are taken too", async () => {
    const data = Buffer.alloc(32 * 32 * 4, Buffer.from([200, 100, 50, 255]));
    const frame: RawFrame = { ...plain(32, 32, [0, 0, 0]), format: "rgba", data };
    await open(frame);
    const [red] = await middleColour([await encode(frame)]);
    expect(Math.abs(red - 200)).toBeLessThan(7);
  });

  test("opened again for another size it starts with a keyframe", async () => {
    const small = plain(32, 32, [9, 9, 9]);
    const large = plain(64, 64, [9, 9, 9]);
    await open(small);
    await encode(small);
    await open(large);
    expect(await encode(large)).toMatchObject({ type: "key", width: 64, height: 64 });
  });
});
