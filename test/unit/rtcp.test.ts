import { describe, expect, test } from "vitest";
import { GenericNack, RtcpPacketConverter, RtcpTransportLayerFeedback } from "werift";
import { RepairBudget, readableRtcp } from "../../src/transport/rtcp.ts";
import { FakeClock } from "../fake-clock.ts";

function packet(type: number, format: number, body: Buffer): Buffer {
  const header = Buffer.from([0x80 | format, type, 0, 0]);
  header.writeUInt16BE(body.length / 4, 2);
  return Buffer.concat([header, body]);
}

/** A NACK for so many runs of 17 packets each. */
function nack(runs: number): Buffer {
  const body = Buffer.alloc(8 + 4 * runs, 0xff);
  for (let run = 0; run < runs; run++) body.writeUInt16BE(run * 17, 8 + 4 * run);
  return packet(205, 1, body);
}

const RECEIVER_REPORT = packet(201, 0, Buffer.alloc(4));
const PICTURE_LOSS = packet(206, 1, Buffer.alloc(8));
const REMB = packet(206, 15, Buffer.alloc(16));
const TRANSPORT_WIDE = packet(205, 15, Buffer.alloc(36));

/** The losses that werift reads from what is let through. */
function losses(compound: Buffer): number[] {
  const packets = readableRtcp(compound).flatMap((one) => RtcpPacketConverter.deSerialize(one));
  return packets.flatMap((parsed) =>
    parsed instanceof RtcpTransportLayerFeedback && parsed.feedback instanceof GenericNack
      ? parsed.feedback.lost
      : [],
  );
}

describe("a compound of RTCP", () => {
  test("is split into its packets, so that each is read by itself", () => {
    expect(readableRtcp(Buffer.concat([RECEIVER_REPORT, nack(1), PICTURE_LOSS]))).toEqual([
      RECEIVER_REPORT,
      nack(1),
      PICTURE_LOSS,
    ]);
    expect(losses(Buffer.concat([nack(1), REMB]))).toHaveLength(17);
  });

  test("loses feedback that nobody negotiated", () => {
    expect(readableRtcp(Buffer.concat([TRANSPORT_WIDE, RECEIVER_REPORT, REMB]))).toEqual([RECEIVER_REPORT]);
  });

  test("a NACK of hundreds of entries is cut to a few dozen", () => {
    expect(losses(nack(330))).toHaveLength(32 * 17);
    expect(losses(nack(32))).toHaveLength(32 * 17);
  });

  test("of hundreds of packets only the first few are read", () => {
    expect(readableRtcp(Buffer.concat(Array.from({ length: 300 }, () => RECEIVER_REPORT)))).toHaveLength(16);
  });

  test("cut off or of a length that lies, it makes no trouble", () => {
    const whole = Buffer.concat([RECEIVER_REPORT, nack(2), PICTURE_LOSS]);
    for (let length = 0; length <= whole.length; length++) {
      for (const one of readableRtcp(whole.subarray(0, length))) RtcpPacketConverter.deSerialize(one);
    }
    expect(readableRtcp(Buffer.from([0x80, 201, 0xff, 0xff]))).toHaveLength(1);
  });
});

describe("the budget for packets sent again", () => {
  test("sends a packet once within a while, however often it is asked for", () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    expect(budget.allow([1, 2, 2, 1])).toEqual([1, 2]);
    expect(budget.allow([1, 3])).toEqual([3]);
  });

  test("sends it again once that while is over", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    budget.allow([1]);
    await clock.advance(50);
    expect(budget.allow([1])).toEqual([1]);
  });

  test("sends no more than some hundreds a second", async () => {
    const clock = new FakeClock();
    const budget = new RepairBudget(clock);
    const many = Array.from({ length: 5000 }, (_, i) => i);
    expect(budget.allow(many)).toHaveLength(400);
    expect(budget.allow(many)).toHaveLength(0);
    await clock.advance(1000);
    expect(budget.allow(many)).toHaveLength(400);
  });

  test("reads sequence numbers modulo 2^16, as a NACK across the wrap counts on", () => {
    expect(new RepairBudget(new FakeClock()).allow([65_535, 65_536, 65_537])).toEqual([65_535, 0, 1]);
  });
});
