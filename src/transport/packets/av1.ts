/**
 * AV1 payloads (RTP Payload Format For AV1, version 1.0, section 4): an aggregation header of one byte, then OBU elements,
 * each after its length. An OBU may continue in the next packet.
 *
 * ```
 *  0 1 2 3 4 5 6 7
 * +-+-+-+-+-+-+-+-+
 * |Z|Y| W |N|-|-|-|  Z=1: starts with the rest of an OBU. Y=1: the last OBU continues in the next packet.
 * +-+-+-+-+-+-+-+-+  W=0: every element has a length. N=1: first packet of a coded video sequence.
 * ```
 */
import { leb128, OBU, type Obu, obusOf } from "../../media/obu.ts";

const CONTINUES_OBU = 0x80;
const OBU_CONTINUES = 0x40;
const NEW_SEQUENCE = 0x08;

const HEADER_BYTES = 1;
/** Bytes of each length field: enough for the largest packet. */
const LENGTH_BYTES = 2;

/** OBU types that are not sent (section 5). Empty OBUs are not sent either. */
const UNSENT: readonly number[] = [OBU.temporalDelimiter, OBU.tileList, OBU.padding];
const isSent = ({ type, payload }: Obu) => !UNSENT.includes(type) && payload.length > 0;

/**
 * Splits a frame (a temporal unit) into payloads of `maxBytes`; the last may be shorter. Every payload but the first
 * continues an OBU, because some receivers take a packet with Z=0 for the start of a frame.
 * @returns none for a frame without OBUs.
 * @throws {RangeError} if the frame is not AV1.
 */
export function av1Payloads(frame: Buffer, maxBytes: number): Buffer[] {
  const obus = obusOf(frame).filter(isSent);
  const isSequence = obus.some(({ type }) => type === OBU.sequenceHeader);
  const payloads: Buffer[] = [];
  let [elements, room, startsWithRest]: [Buffer[], number, boolean] = [[], maxBytes - HEADER_BYTES, false];
  const flush = (continues: boolean) => {
    const isNewSequence = isSequence && payloads.length === 0;
    const flags =
      (startsWithRest ? CONTINUES_OBU : 0) |
      (continues ? OBU_CONTINUES : 0) |
      (isNewSequence ? NEW_SEQUENCE : 0);
    payloads.push(Buffer.concat([Buffer.from([flags]), ...elements]));
    [elements, room, startsWithRest] = [[], maxBytes - HEADER_BYTES, continues];
  };
  for (const [n, obu] of obus.entries()) {
    let rest = wholeOf(obu);
    const isLast = n === obus.length - 1;
    // Leave no room that is too small for the next OBU to start in: it would then start the next packet.
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

/** A LEB128 length in exactly two bytes, so that all packets but the last have the same size. */
function lengthOf(bytes: number): Buffer {
  const length = leb128(bytes);
  return length.length === LENGTH_BYTES ? length : Buffer.from([bytes | 0x80, 0]);
}
