/**
 * VP8 payloads (RFC 7741, section 4.2): a payload descriptor before each part of the frame.
 *
 * ```
 *  0 1 2 3 4 5 6 7
 * +-+-+-+-+-+-+-+-+
 * |X|R|N|S|R| PID |  X=1: the next byte follows. S=1: start of a partition.
 * +-+-+-+-+-+-+-+-+
 * |I|L|T|K|  RSV  |  I=1: a PictureID follows.
 * +-+-+-+-+-+-+-+-+
 * |M| PictureID   |  M=1: 15 bits.
 * |   PictureID   |
 * +-+-+-+-+-+-+-+-+
 * ```
 */
const DESCRIPTOR_BYTES = 4;

/**
 * Splits a frame into payloads of at most `maxBytes`, descriptor included. They have equal size, and the last may be shorter:
 * the kernel can segment such packets (UDP_SEGMENT). The frame counts as one partition, so only the first has the S bit.
 */
export function vp8Payloads(frame: Buffer, maxBytes: number, pictureId: number): Buffer[] {
  const count = Math.max(1, Math.ceil(frame.length / (maxBytes - DESCRIPTOR_BYTES)));
  const size = Math.max(1, Math.ceil(frame.length / count));
  const payloads: Buffer[] = [];
  for (let from = 0; from === 0 || from < frame.length; from += size) {
    const to = Math.min(from + size, frame.length);
    const payload = Buffer.allocUnsafe(DESCRIPTOR_BYTES + to - from);
    payload[0] = from === 0 ? 0x90 : 0x80;
    payload[1] = 0x80;
    payload.writeUInt16BE(0x8000 | pictureId, 2);
    frame.copy(payload, DESCRIPTOR_BYTES, from, to);
    payloads.push(payload);
  }
  return payloads;
}
