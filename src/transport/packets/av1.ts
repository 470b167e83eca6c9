/**
 * The AV1 payload format (RTP Payload Format For AV1, version 1.0, section 4): OBUs and pieces of them, each behind its
 * length, behind one byte.
 *
 * ```
 *  0 1 2 3 4 5 6 7
 * +-+-+-+-+-+-+-+-+
 * |Z|Y| W |N|-|-|-|  Z=1: goes on with an OBU of the packet before. Y=1: its last OBU goes on in the next. W=0: each
 * +-+-+-+-+-+-+-+-+  has its length before it. N=1: the first packet of a coded video sequence.
 * ```
 */
import { leb128, OBU, type Obu, obusOf } from "../../media/obu.ts";

const Z = 0x80;
const Y = 0x40;
const N = 0x08;

const HEADER_BYTES = 1;
/** Enough for the length of whatever fits a packet. */
const LENGTH_BYTES = 2;

/** Not sent (section 5); an empty one has nothing to say. */
const UNSENT: readonly number[] = [OBU.temporalDelimiter, OBU.tileList, OBU.padding];
const isSent = ({ type, payload }: Obu) => !UNSENT.includes(type) && payload.length > 0;

/**
 * Splits a frame, a temporal unit, into payloads of `maxBytes`; the last may be shorter: none where it has no OBU. Each
 * but the first goes on with an OBU: some take a packet that does not for a frame's first.
 * @throws {RangeError} for what is no AV1.
 */
export function av1Payloads(frame: Buffer, maxBytes: number): Buffer[] {
  const obus = obusOf(frame).filter(isSent);
  const isSequence = obus.some(({ type }) => type === OBU.sequenceHeader);
  const payloads: Buffer[] = [];
  let [elements, room, goesOn]: [Buffer[], number, boolean] = [[], maxBytes - HEADER_BYTES, false];
  const flush = (continues: boolean) => {
    const flags = (goesOn ? Z : 0) | (continues ? Y : 0) | (isSequence && payloads.length === 0 ? N : 0);
    payloads.push(Buffer.concat([Buffer.from([flags]), ...elements]));
    [elements, room, goesOn] = [[], maxBytes - HEADER_BYTES, continues];
  };
  for (const [n, obu] of obus.entries()) {
    let rest = wholeOf(obu);
    const isLast = n === obus.length - 1;
    // Else the next packet would begin with the next OBU.
    const fits = () => rest.length + LENGTH_BYTES <= room - (isLast ? 0 : LENGTH_BYTES + 1);
    while (!fits()) {
      const piece = Math.min(room - LENGTH_BYTES, rest.length - 1);
      elements.push(lengthOf(piece), rest.subarray(0, piece));
      rest = rest.subarray(piece);
      flush(true);
    }
    elements.push(lengthOf(rest.length), rest);
    room -= LENGTH_BYTES + rest.length;
  }
  if (elements.length > 0) flush(false);
  return payloads;
}

function wholeOf({ header, payload }: Obu): Buffer {
  return Buffer.concat([header, payload]);
}

/** In two bytes, that all packets but the last may be of one size. */
function lengthOf(bytes: number): Buffer {
  const length = leb128(bytes);
  return length.length === LENGTH_BYTES ? length : Buffer.from([bytes | 0x80, 0]);
}
