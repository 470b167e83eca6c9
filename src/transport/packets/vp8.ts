/**
 * VP8 payloads (RFC 7741, section 4.2): a payload descriptor before each part of the frame. It has no PictureID, which would
 * have to be continuous for each viewer across renditions: sequence numbers show losses, and every frame is a reference.
 *
 * ```
 *  0 1 2 3 4 5 6 7
 * +-+-+-+-+-+-+-+-+
 * |X|R|N|S|R| PID |  X=0: the descriptor ends here. S=1: start of a partition.
 * +-+-+-+-+-+-+-+-+
 * ```
 */
const DESCRIPTOR_BYTES = 1;
const START_BIT = 0x10;

/**
 * Splits a frame into payloads of at most `maxBytes`, descriptor included. They have equal size, and the last may be shorter:
 * the kernel can segment such packets (UDP_SEGMENT). The frame counts as one partition, so only the first has the S bit.
 */
export function vp8Payloads(frame: Buffer, maxBytes: number): Buffer[] {
  const count = Math.max(1, Math.ceil(frame.length / (maxBytes - DESCRIPTOR_BYTES)));
  const size = Math.max(1, Math.ceil(frame.length / count));
  const payloads: Buffer[] = [];
  for (let from = 0; from === 0 || from < frame.length; from += size) {
    const to = Math.min(from + size, frame.length);
    const payload = Buffer.allocUnsafe(DESCRIPTOR_BYTES + to - from);
    payload[0] = from === 0 ? START_BIT : 0;
    frame.copy(payload, DESCRIPTOR_BYTES, from, to);
    payloads.push(payload);
  }
  return payloads;
}
