import { describe, expect, test } from "vitest";
import { HandshakeReader, MESSAGE } from "../../../src/transport/dtls/messages.ts";

const HEADER = 12;

/** A message in fragments: the bodies of records. */
function cut(type: number, sequence: number, body: Buffer, size = Math.max(1, body.length)): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < body.length; at += size) {
    const bytes = body.subarray(at, at + size);
    const header = Buffer.alloc(HEADER);
    header.writeUInt8(type);
    header.writeUIntBE(body.length, 1, 3);
    header.writeUInt16BE(sequence, 4);
    header.writeUIntBE(at, 6, 3);
    header.writeUIntBE(bytes.length, 9, 3);
    parts.push(Buffer.concat([header, bytes]));
  }
  return parts;
}

const bodyOf = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 31) % 256));

/** What is read from these records in the clear, in order. */
function readAll(records: readonly Buffer[]) {
  const reader = new HandshakeReader();
  return records.flatMap((record) => reader.read(record, false).messages);
}

const HELLO = bodyOf(1500);
const CERTIFICATE = bodyOf(700);
const KEY = bodyOf(66);

describe("handshake messages", () => {
  test("are reassembled in order, however they are fragmented, packed and reordered", () => {
    const parts = [
      ...cut(MESSAGE.clientHello, 0, HELLO, 400),
      ...cut(MESSAGE.certificate, 1, CERTIFICATE, 300),
      ...cut(MESSAGE.clientKeyExchange, 2, KEY),
    ];
    for (const records of [
      parts,
      parts.toReversed(),
      [Buffer.concat(parts)],
      parts.flatMap((one) => [one, one]),
    ]) {
      const read = readAll(records);
      expect(read.map(({ msg_type, message_seq }) => [msg_type, message_seq])).toEqual([
        [MESSAGE.clientHello, 0],
        [MESSAGE.certificate, 1],
        [MESSAGE.clientKeyExchange, 2],
      ]);
      expect(read.map(({ fragment }) => fragment)).toEqual([HELLO, CERTIFICATE, KEY]);
    }
  });

  test("are in the transcript as if sent in one fragment", () => {
    const [read] = readAll(cut(MESSAGE.clientHello, 0, HELLO, 400));
    expect(read?.serialize()).toEqual(cut(MESSAGE.clientHello, 0, HELLO)[0]);
  });

  test("are reassembled from fragments of different retransmissions", () => {
    const [first = HELLO] = cut(MESSAGE.clientHello, 0, HELLO, 800);
    const again = cut(MESSAGE.clientHello, 0, HELLO, 500).slice(1);
    expect(readAll([first, ...again]).map(({ fragment }) => fragment)).toEqual([HELLO]);
  });

  test("are incomplete while a fragment is missing, even if the last one arrived", () => {
    const [first = HELLO, , third = HELLO] = cut(MESSAGE.clientHello, 0, HELLO, 500);
    expect(readAll([first, third])).toEqual([]);
  });

  test("keep the first bytes: a copy with other bytes, type or length changes nothing", () => {
    const [first = HELLO, second = HELLO] = cut(MESSAGE.clientHello, 0, HELLO, 800);
    const other = cut(MESSAGE.clientHello, 0, Buffer.alloc(1500), 800);
    const otherType = cut(MESSAGE.certificate, 0, HELLO, 800);
    const longer = cut(MESSAGE.clientHello, 0, Buffer.alloc(1501), 800);
    const records = [first, ...longer, ...otherType, ...other.slice(0, 1), second];
    expect(readAll(records).map(({ msg_type, fragment }) => [msg_type, fragment])).toEqual([
      [MESSAGE.clientHello, HELLO],
    ]);
  });

  test("too long, truncated or far ahead are ignored", () => {
    const [torn = HELLO] = cut(MESSAGE.clientHello, 0, HELLO);
    const beyond = Buffer.from(torn);
    beyond.writeUIntBE(1, 6, 3);
    const records = [
      ...cut(MESSAGE.clientHello, 0, Buffer.alloc(16_385), 1000),
      torn.subarray(0, -1),
      torn.subarray(0, 5),
      beyond,
      ...cut(MESSAGE.clientHello, 6, KEY),
    ];
    expect(readAll(records)).toEqual([]);
    const reader = new HandshakeReader();
    for (const record of records) reader.read(record, false);
    const next = [0, 1, 2, 3, 4, 5].flatMap((sequence) => cut(MESSAGE.clientHello, sequence, KEY));
    expect(reader.read(Buffer.concat(next), false).messages).toHaveLength(6);
  });

  test("must be encrypted if they are Finished, and only then", () => {
    const reader = new HandshakeReader();
    const [finished = KEY] = cut(MESSAGE.finished, 0, KEY);
    const [hello = KEY] = cut(MESSAGE.clientHello, 0, KEY);
    expect(reader.read(finished, false).messages).toEqual([]);
    expect(reader.read(hello, true).messages).toEqual([]);
    expect(reader.read(finished, true).messages).toHaveLength(1);
  });

  test("are reported as retransmitted only if they are the newest", () => {
    const reader = new HandshakeReader();
    const hello = cut(MESSAGE.clientHello, 0, HELLO, 800);
    const [certificate = KEY] = cut(MESSAGE.certificate, 1, CERTIFICATE);
    const again = (records: readonly Buffer[]) =>
      records.map((record) => reader.read(record, false).retransmitted);
    expect(again(hello)).toEqual([false, false]);
    expect(again(hello)).toEqual([false, true]);
    expect(again([certificate, certificate, ...hello])).toEqual([false, true, false, false]);
  });
});
