import { describe, expect, test } from "vitest";
import { defaultBitrate } from "../../../src/encoder/bitrate.ts";
import { FfmpegAv1Encoder } from "../../../src/encoder/ffmpeg/av1.ts";
import { FfmpegH264Encoder } from "../../../src/encoder/ffmpeg/h264.ts";
import { FfmpegVp8Encoder } from "../../../src/encoder/ffmpeg/vp8.ts";
import { LADDER, rungOf } from "../../../src/shared/ladder.ts";
import { plain } from "../../helpers/pictures.ts";

describe.each([FfmpegVp8Encoder, FfmpegH264Encoder, FfmpegAv1Encoder])("%o", (Encoder) => {
  test.each([
    [1, 1],
    [2, 1],
    [1, 9],
    [17, 9],
    [8191, 3],
  ])("encodes pictures of %ix%i at the lowest bitrate", async (width, height) => {
    const { share } = rungOf(LADDER.length - 1);
    const encoder = new Encoder();
    await encoder.open({
      width,
      height,
      fps: 20,
      bitrate: Math.round(share * defaultBitrate(width, height, 20)),
    });
    for (let number = 1; number < 4; number++) {
      const { data, type } = await encoder.encode(plain(width, height, [90, 60, 30], number), number === 3);
      expect(data.length).toBeGreaterThan(0);
      expect(type).toBe(number === 2 ? "delta" : "key");
    }
    encoder.close();
  });
});
