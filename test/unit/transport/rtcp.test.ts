import { describe, expect, test } from "vitest";
import {
  GenericNack,
  PictureLossIndication,
  RtcpPacketConverter,
  RtcpPayloadSpecificFeedback,
  RtcpReceiverInfo,
  RtcpRrPacket,
  RtcpSourceDescriptionPacket,
  RtcpSrPacket,
  RtcpTransportLayerFeedback,
} from "werift";
import type { EpochMs } from "../../../src/base/clock.ts";
import { compactNtp, goodbye, ntpTime, readFeedback, senderReport } from "../../../src/transport/rtp/rtcp.ts";

const SSRC = 0xdeadbeef;

/** A packet made by hand. */
function packet(type: number, count: number, body: Buffer): Buffer {
  const header = Buffer.from([0x80 | count, type, 0, 0]);
  header.writeUInt16BE(body.length / 4, 2);
  return Buffer.concat([header, body]);
}

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value, 4 * n);
  return bytes;
}

/** A packet written by an independent implementation. */
function nack(...lost: number[]): Buffer {
  const feedback = new GenericNack({ senderSsrc: 1, mediaSourceSsrc: SSRC, lost });
  return new RtcpTransportLayerFeedback({ feedback }).serialize();
}

function pictureLoss(): Buffer {
  const feedback = new PictureLossIndication({ senderSsrc: 1, mediaSsrc: SSRC });
  return new RtcpPayloadSpecificFeedback({ feedback }).serialize();
}

function receiverReport(...ssrcs: number[]): Buffer {
  const reports = ssrcs.map(
    (ssrc) =>
      new RtcpReceiverInfo({
        ssrc,
        fractionLost: 64,
        packetsLost: 9,
        highestSequence: 10,
        jitter: 900,
        lsr: 0x12345678,
        dlsr: 65_536,
      }),
  );
  return new RtcpRrPacket({ ssrc: 1, reports }).serialize();
}

/** RFC 5104, section 4.3.1.1: the stream is in the entry, and 0 in the header. */
const FULL_INTRA_REQUEST = packet(206, 4, words(1, 0, SSRC, 0x07_000000));
const REMB = packet(206, 15, Buffer.alloc(16));
const TRANSPORT_WIDE = packet(205, 15, Buffer.alloc(36));
const REPORT = { fractionLost: 0.25, jitter: 900, lastSenderReport: 0x12345678, delay: 65_536 };

const kindsOf = (compound: Buffer) => readFeedback(compound).map(({ kind }) => kind);

describe("feedback of a viewer", () => {
  test("receiver reports, of each stream", () => {
    expect(readFeedback(receiverReport(SSRC, 7))).toEqual([
      { kind: "report", ssrc: SSRC, report: REPORT },
      { kind: "report", ssrc: 7, report: REPORT },
    ]);
    expect(readFeedback(receiverReport())).toEqual([]);
  });

  test("the reports within a sender report", () => {
    const block = receiverReport(SSRC).subarray(8);
    const report = packet(200, 1, Buffer.concat([words(1, 2, 3, 4, 5, 6), block]));
    expect(readFeedback(report)).toEqual([{ kind: "report", ssrc: SSRC, report: REPORT }]);
  });

  test.each([
    ["one packet", [17]],
    ["with a mask", [100, 101, 116]],
    ["too far apart for one entry", [100, 117, 40_000]],
  ])("a NACK for %s", (_, lost) => {
    expect(readFeedback(nack(...lost))).toEqual([{ kind: "nack", ssrc: SSRC, lost }]);
  });

  test("a NACK whose mask crosses the wrap of the sequence numbers", () => {
    const entry = Buffer.from([0xff, 0xfe, 0b1000_0000, 0b0000_0111]);
    const across = packet(205, 1, Buffer.concat([words(1, SSRC), entry]));
    expect(readFeedback(across)).toEqual([{ kind: "nack", ssrc: SSRC, lost: [65_534, 65_535, 0, 1, 14] }]);
  });

  test("keyframe requests: PLI has the SSRC in its header, FIR in its body", () => {
    expect(readFeedback(pictureLoss())).toEqual([{ kind: "keyframe", ssrc: SSRC }]);
    expect(readFeedback(FULL_INTRA_REQUEST)).toEqual([{ kind: "keyframe", ssrc: SSRC }]);
  });

  test("a goodbye", () => {
    expect(readFeedback(packet(203, 1, words(1)))).toEqual([{ kind: "bye" }]);
  });

  test("all packets of a compound that are needed", () => {
    const name = packet(202, 1, Buffer.alloc(12));
    const extended = packet(207, 0, words(1, 2, 3));
    const compound = [receiverReport(SSRC), name, extended, REMB, TRANSPORT_WIDE, nack(1), pictureLoss()];
    expect(kindsOf(Buffer.concat(compound))).toEqual(["report", "arrivals", "nack", "keyframe"]);
  });

  test("padding is not taken for content", () => {
    const padded = Buffer.concat([nack(5), words(0, 8)]);
    padded.writeUInt8(0x80 | 0x20 | 1, 0);
    padded.writeUInt16BE(padded.length / 4 - 1, 2);
    expect(readFeedback(padded)).toEqual([{ kind: "nack", ssrc: SSRC, lost: [5] }]);
    // Padding longer than its packet, or of no length.
    for (const count of [0, padded.length, 255]) {
      padded.writeUInt8(count, padded.length - 1);
      expect(readFeedback(Buffer.concat([padded, pictureLoss()])).map(({ kind }) => kind)).toEqual([
        "keyframe",
      ]);
    }
  });

  test("another version of RTCP is not read", () => {
    const other = pictureLoss();
    other.writeUInt8(0x41, 0);
    expect(kindsOf(Buffer.concat([other, nack(1)]))).toEqual(["nack"]);
  });
});

describe("malformed RTCP", () => {
  const whole = [receiverReport(SSRC), nack(1, 100), FULL_INTRA_REQUEST, pictureLoss()];

  test("a truncated compound gives its complete packets", () => {
    const compound = Buffer.concat(whole);
    for (let length = 0; length <= compound.length; length++) {
      const complete = whole.filter((_, n) => Buffer.concat(whole.slice(0, n + 1)).length <= length).length;
      expect(kindsOf(compound.subarray(0, length))).toEqual(
        ["report", "nack", "keyframe", "keyframe"].slice(0, complete),
      );
    }
  });

  test("a packet too short for its type is harmless at any length", () => {
    for (const type of [200, 201, 202, 203, 204, 205, 206, 207]) {
      for (let count = 0; count < 32; count++) {
        for (let length = 0; length <= 32; length += 4)
          readFeedback(packet(type, count, Buffer.alloc(length)));
      }
    }
    expect(kindsOf(packet(201, 31, receiverReport(SSRC).subarray(4)))).toEqual(["report"]);
    expect(kindsOf(packet(205, 1, words(1, SSRC)))).toEqual([]);
    expect(kindsOf(packet(206, 4, words(1, SSRC)))).toEqual([]);
    expect(kindsOf(packet(206, 1, words(1)))).toEqual([]);
  });

  test("a wrong length ends the reading", () => {
    expect(readFeedback(Buffer.concat([Buffer.from([0x81, 206, 0xff, 0xff]), pictureLoss()]))).toEqual([]);
  });

  test("the packets of a compound and the entries of a NACK are limited", () => {
    expect(readFeedback(Buffer.concat(Array.from({ length: 300 }, pictureLoss)))).toHaveLength(16);
    const entries = Buffer.alloc(4 * 330, 0xff);
    const [flood] = readFeedback(packet(205, 1, Buffer.concat([words(1, SSRC), entries])));
    expect(flood).toMatchObject({ kind: "nack", lost: { length: 32 * 17 } });
  });
});

describe("NTP time", () => {
  test.each([
    // RFC 868 counts from 1900 as NTP does.
    ["1970-01-01T00:00:00Z", 2_208_988_800, 0],
    ["2000-01-01T00:00:00.500Z", 3_155_673_600, 0x8000_0000],
    ["2036-02-07T06:28:15.750Z", 4_294_967_295, 0xc000_0000],
    // Era 1 begins: the seconds wrap.
    ["2036-02-07T06:28:16Z", 0, 0],
  ])("of %s", (date, seconds, fraction) => {
    expect(ntpTime(Date.parse(date) as EpochMs)).toEqual({ seconds, fraction });
  });

  test("its middle 32 bits", () => {
    // RFC 3550, section 6.4.1, figure 2: LSR of 0xb44db705:20000000.
    const seconds = 0xb44db705 - 2_208_988_800;
    expect(compactNtp((seconds * 1000 + 125) as EpochMs)).toBe(0xb7052000);
  });
});

describe("our packets, read by an independent implementation", () => {
  const about = {
    ssrc: SSRC,
    now: Date.parse("2000-01-01T00:00:00.500Z") as EpochMs,
    packets: 3,
    octets: 4000,
  };
  const read = (rtpTimestamp: number, cname = "a name") =>
    RtcpPacketConverter.deSerialize(senderReport({ ...about, rtpTimestamp, cname }));

  test("a sender report", () => {
    const [report] = read(90_000);
    if (!(report instanceof RtcpSrPacket)) throw new Error("not a sender report");
    expect(report.ssrc).toBe(SSRC);
    expect(report.senderInfo).toMatchObject({
      ntpTimestamp: (3_155_673_600n << 32n) + 0x8000_0000n,
      rtpTimestamp: 90_000,
      packetCount: 3,
      octetCount: 4000,
    });
  });

  test.each([
    [2 ** 32 + 5, 5],
    [-90, 2 ** 32 - 90],
  ])("its timestamp %i around the ends of 32 bits", (timestamp, expected) => {
    const [report] = read(timestamp);
    expect(report).toMatchObject({ senderInfo: { rtpTimestamp: expected } });
  });

  test.each([0, 1, 2, 3, 4, 5, 36, 255])("a CNAME of %i bytes, padded to whole words", (length) => {
    const cname = "n".repeat(length);
    const [, description] = read(0, cname);
    if (!(description instanceof RtcpSourceDescriptionPacket)) throw new Error("not a description");
    expect(description.chunks).toMatchObject([{ source: SSRC, items: [{ type: 1, text: cname }] }]);
    const bytes = senderReport({ ...about, rtpTimestamp: 0, cname });
    expect(bytes.length).toBe(28 + 4 * (bytes.readUInt16BE(30) + 1));
    expect(bytes.at(-1)).toBe(0);
  });

  test("a BYE after an empty report and the name", () => {
    const compound = goodbye(SSRC, "a name");
    // werift reads a description on to the end of the compound.
    const [report, description] = RtcpPacketConverter.deSerialize(compound.subarray(0, -8));
    expect(report).toBeInstanceOf(RtcpRrPacket);
    expect(report).toMatchObject({ ssrc: SSRC, reports: [] });
    expect(description).toMatchObject({
      chunks: [{ source: SSRC, items: [{ type: 1, text: "a name" }] }],
    });
    // RFC 3550, section 6.6. werift does not read a BYE.
    expect(compound.subarray(-8).toString("hex")).toBe("81cb0001deadbeef");
  });
});
