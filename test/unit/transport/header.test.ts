import { describe, expect, test } from "vitest";
import { RtpPacket } from "werift";
import { RtpHeader, rtxPayload } from "../../../src/transport/rtp/header.ts";

const STREAM = { ssrc: 0xdeadbeef, payloadType: 97 };
const PAYLOAD = Buffer.from("a payload");

/** Parsed by an independent implementation. */
function read(header: Buffer) {
  const { header: parsed, payload } = RtpPacket.deSerialize(Buffer.concat([header, PAYLOAD]));
  expect(payload).toEqual(PAYLOAD);
  return parsed;
}

describe("a header", () => {
  test("has SSRC, sequence number, timestamp and marker", () => {
    const header = new RtpHeader(STREAM, []);
    expect(header.length).toBe(12);
    expect(read(header.write(77, 90_000, true))).toMatchObject({
      version: 2,
      padding: false,
      extension: false,
      marker: true,
      payloadType: 97,
      sequenceNumber: 77,
      timestamp: 90_000,
      ssrc: 0xdeadbeef,
      csrc: [],
    });
    expect(read(header.write(78, 2 ** 32 - 1, false))).toMatchObject({
      marker: false,
      timestamp: 2 ** 32 - 1,
    });
  });

  test.each([
    [65_535, 65_535],
    [65_536, 0],
    [2 ** 33 + 5, 5],
  ])("of the index %i has the number %i", (index, sequenceNumber) => {
    expect(read(new RtpHeader(STREAM, []).write(index, 0, false)).sequenceNumber).toBe(sequenceNumber);
  });

  test.each([1, 2, 3, 4, 5, 15, 16])("carries its extensions, one of %i bytes", (length) => {
    const extensions = [
      { id: 3, data: Buffer.from(Array.from({ length }, (_, n) => n + 1)) },
      { id: 14, data: Buffer.from([0, 0, 0]) },
    ];
    const header = new RtpHeader(STREAM, extensions);
    const written = header.write(1, 2, true);
    expect(written.length).toBe(header.length);
    expect(written.length % 4).toBe(0);
    expect(read(written).extensions.map(({ id, payload }) => ({ id, data: payload }))).toEqual(extensions);
  });

  test("has the transport-wide counter, after other extensions", () => {
    const header = new RtpHeader(STREAM, [
      { id: 3, data: Buffer.from("mid") },
      { id: 5, data: "counter" },
    ]);
    expect(header.counts).toBe(true);
    for (const counter of [0, 258, 2 ** 16 + 7]) {
      const { extensions } = read(header.write(1, 2, false, counter));
      expect(extensions.find(({ id }) => id === 5)?.payload.readUInt16BE()).toBe(counter % 2 ** 16);
    }
    expect(new RtpHeader(STREAM, []).counts).toBe(false);
  });

  test("leaves out extensions that the one-byte format cannot hold", () => {
    const data = Buffer.from([1]);
    const header = new RtpHeader(STREAM, [
      { id: 0, data },
      { id: 15, data },
      { id: 1, data: Buffer.alloc(0) },
      { id: 2, data: Buffer.alloc(17) },
    ]);
    expect(header.length).toBe(12);
    expect(read(header.write(1, 2, false)).extension).toBe(false);
  });
});

test("an RTX payload starts with the original sequence number", () => {
  expect(rtxPayload(2 ** 16 + 258, PAYLOAD)).toEqual(Buffer.concat([Buffer.from([1, 2]), PAYLOAD]));
  expect(rtxPayload(65_535, Buffer.alloc(0))).toEqual(Buffer.from([0xff, 0xff]));
});
