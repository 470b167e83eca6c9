/** An independent decoder: FFmpeg's own. */
import { AV_CODEC_ID_AV1, AV_CODEC_ID_H264, AV_CODEC_ID_VP8 } from "node-av/constants";
import { Codec, CodecContext, Frame, Packet } from "node-av/lib";
import type { Codec as CodecName } from "../../src/media/frame.ts";

const DECODERS = {
  vp8: AV_CODEC_ID_VP8,
  h264: AV_CODEC_ID_H264,
  "h264-single": AV_CODEC_ID_H264,
  av1: AV_CODEC_ID_AV1,
} as const;

/**
 * Decodes these frames, and returns the last one in planes. The caller frees it.
 * @throws if a frame cannot be decoded, or does not give a picture at once.
 */
export async function decoded(
  codec: CodecName,
  frames: readonly { readonly data: Buffer }[],
): Promise<Frame> {
  const decoder = Codec.findDecoder(DECODERS[codec]);
  if (!decoder) throw new Error("no decoder");
  const context = new CodecContext();
  context.allocContext3(decoder);
  context.threadCount = 1;
  await context.open2(decoder);
  const packet = new Packet();
  packet.alloc();
  const yuv = new Frame();
  yuv.alloc();
  for (const [n, { data }] of frames.entries()) {
    packet.data = data;
    if ((await context.sendPacket(packet)) !== 0 || (await context.receiveFrame(yuv)) !== 0)
      throw new Error(`frame ${n} cannot be decoded`);
  }
  packet.free();
  context.freeContext();
  return yuv;
}
