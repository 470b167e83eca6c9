import { expect, test } from "vitest";
import { FrameParity } from "../../../src/transport/rtp/flexfec.ts";
import { RtpHeader } from "../../../src/transport/rtp/header.ts";

const SSRC = 0x01020304;

function packetsOf(sizes: readonly number[], first: number) {
  const header = new RtpHeader({ ssrc: SSRC, payloadType: 96 }, [{ id: 5, data: "counter" }]);
  return sizes.map((bytes, n) => {
    const payload = Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31 + n * 7) % 256));
    const written = Buffer.from(header.write(first + n, 123_456_789, n === sizes.length - 1, n));
    return { header: written, payload, index: first + n };
  });
}

/** The parts of the mask: where each begins, and its bits. */
const MASK_PARTS = [
  { at: 18, bits: 16 },
  { at: 20, bits: 32 },
  { at: 24, bits: 64 },
];

/** Restores a lost packet as a receiver does (draft-ietf-payload-flexible-fec-scheme-03, section 6.3). */
function restored(parity: Buffer, received: readonly Buffer[], sequenceNumber: number): Buffer {
  const last = MASK_PARTS.find(({ at }) => parity.readUInt8(at) >= 0x80) ?? { at: 0, bits: 0 };
  const body = Buffer.from(parity.subarray(last.at + last.bits / 8));
  const head = Buffer.from(parity.subarray(0, 8));
  for (const packet of received) {
    for (const n of [0, 1, 4, 5, 6, 7]) head.writeUInt8(head.readUInt8(n) ^ packet.readUInt8(n), n);
    head.writeUInt16BE(head.readUInt16BE(2) ^ (packet.length - 12), 2);
    for (let n = 12; n < packet.length; n++)
      body.writeUInt8(body.readUInt8(n - 12) ^ packet.readUInt8(n), n - 12);
  }
  const packet = Buffer.alloc(12 + head.readUInt16BE(2));
  packet.writeUInt8(0x80 | (head.readUInt8(0) & 0x3f), 0);
  packet.writeUInt8(head.readUInt8(1), 1);
  packet.writeUInt16BE(sequenceNumber, 2);
  head.copy(packet, 4, 4, 8);
  packet.writeUInt32BE(parity.readUInt32BE(12), 8);
  body.copy(packet, 12, 0, packet.length - 12);
  return packet;
}

/** The sequence numbers that a parity packet names in its mask. */
function named(parity: Buffer): number[] {
  const numbers: number[] = [];
  let number = parity.readUInt16BE(16);
  for (const { at, bits } of MASK_PARTS) {
    for (let bit = 1; bit < bits; bit++, number++)
      if ((parity.readUInt8(at + (bit >> 3)) & (0x80 >> (bit & 7))) !== 0) numbers.push(number % 2 ** 16);
    if (parity.readUInt8(at) >= 0x80) break;
  }
  return numbers;
}

test.each([
  [[1200, 900], 1],
  [[1200, 1200, 1200, 1200, 1200, 700], 2],
  [Array.from({ length: 40 }, (_, n) => 1000 + n), 9],
  [Array.from({ length: 100 }, () => 1180), 5],
])("any one lost packet of each group can be restored: case %#", (sizes, groups) => {
  const first = 65_530;
  const packets = packetsOf(sizes, first);
  const parity = new FrameParity(SSRC, first, groups);
  for (const { header, payload, index } of packets) parity.add(header, payload, index);
  const payloads = parity.payloads();
  expect(payloads).toHaveLength(Math.min(groups, sizes.length));
  const protectedNumbers = payloads.flatMap(named);
  expect(protectedNumbers.sort((a, b) => a - b)).toEqual(
    packets.map(({ index }) => index % 2 ** 16).sort((a, b) => a - b),
  );
  for (const payload of payloads) {
    expect(payload.readUInt32BE(12)).toBe(SSRC);
    expect(payload.readUInt8(0)).toBeLessThan(0x40);
    const group = named(payload);
    const whole = packets
      .filter(({ index }) => group.includes(index % 2 ** 16))
      .map(({ header, payload: bytes }) => Buffer.concat([header, bytes]));
    for (const lost of whole) {
      const others = whole.filter((one) => one !== lost);
      expect(restored(payload, others, lost.readUInt16BE(2)).equals(lost)).toBe(true);
    }
  }
});

test("a packet that is not of the frame is not protected", () => {
  const parity = new FrameParity(SSRC, 10, 1);
  const [packet] = packetsOf([100], 9);
  if (packet) parity.add(packet.header, packet.payload, packet.index);
  expect(parity.payloads()).toEqual([]);
});
