import { describe, expect, test } from "vitest";
import { PacketStatus, RecvDelta, RunLengthChunk, StatusVectorChunk, TransportWideCC } from "werift";
import { type Arrival, readArrivals } from "../../../src/transport/rtp/arrivals.ts";

const { TypeTCCPacketNotReceived: LOST, TypeTCCPacketReceivedSmallDelta: SMALL } = PacketStatus;
const { TypeTCCPacketReceivedLargeDelta: LARGE, TypeTCCPacketReceivedWithoutDelta: UNTIMED } = PacketStatus;

/** Feedback written by an independent implementation. */
function written(
  { first = 100, count = 0, reference = 2 } = {},
  chunks: (RunLengthChunk | StatusVectorChunk)[] = [],
  deltas: number[] = [],
): Buffer {
  return new TransportWideCC({
    senderSsrc: 1,
    mediaSourceSsrc: 2,
    baseSequenceNumber: first,
    packetStatusCount: count,
    referenceTime: reference,
    fbPktCount: 0,
    packetChunks: chunks,
    recvDeltas: deltas.map((delta) => new RecvDelta({ delta: delta * 1000 })),
  }).serialize();
}

const run = (packetStatus: PacketStatus, runLength: number) =>
  new RunLengthChunk({ packetStatus, runLength });

describe("arrivals", () => {
  test("are read from run-length chunks, with small and large deltas", () => {
    const packet = written({ count: 4 }, [run(SMALL, 2), run(LOST, 1), run(LARGE, 1)], [1, 2.5, 100]);
    expect(readArrivals(packet)).toEqual([
      { counter: 100, at: 129 },
      { counter: 101, at: 131.5 },
      { counter: 102, at: undefined },
      { counter: 103, at: 231.5 },
    ]);
  });

  test("are read from one-bit chunks, across the wrap of the counter", () => {
    const bits = new StatusVectorChunk({ symbolSize: 0, symbolList: [1, 0, 1, ...Array(11).fill(0)] });
    const packet = written({ first: 65_535, count: 3 }, [bits], [0, 4]);
    expect(readArrivals(packet)).toEqual<Arrival[]>([
      { counter: 65_535, at: 128 },
      { counter: 0, at: undefined },
      { counter: 1, at: 132 },
    ]);
  });

  test("are read from two-bit chunks, some without a time", () => {
    const pairs = new StatusVectorChunk({
      symbolSize: 1,
      symbolList: [LARGE, UNTIMED, LOST, SMALL, 0, 0, 0],
    });
    expect(readArrivals(written({ count: 4 }, [pairs], [-20, 3]))).toEqual([
      { counter: 100, at: 108 },
      { counter: 102, at: undefined },
      { counter: 103, at: 111 },
    ]);
  });

  test("of a truncated message are read up to its end", () => {
    const packet = written({ count: 3 }, [run(SMALL, 3)], [1, 1, 1]);
    for (let length = 0; length < packet.length; length++)
      expect(readArrivals(packet.subarray(0, length)).length).toBeLessThanOrEqual(3);
    expect(readArrivals(packet.subarray(0, 24))).toHaveLength(2);
  });

  test("of a message of more than a thousand packets have the right times", () => {
    const count = 1400;
    const pairs = new StatusVectorChunk({ symbolSize: 1, symbolList: Array(7).fill(SMALL) });
    const packet = written({ count }, Array(count / 7).fill(pairs), Array(count).fill(1));
    expect(readArrivals(packet)).toEqual(
      Array.from({ length: count }, (_, n) => ({ counter: 100 + n, at: 129 + n })),
    );
  });

  test("behind more lost packets than are read have the right times", () => {
    const packet = written({ count: 8191 }, [run(SMALL, 2), run(LOST, 8189)], [1, 1]);
    expect(readArrivals(packet).slice(0, 3)).toEqual([
      { counter: 100, at: 129 },
      { counter: 101, at: 130 },
      { counter: 102, at: undefined },
    ]);
  });

  test("are limited in number, whatever a message claims", () => {
    const packet = written({ count: 65_535 }, Array(8).fill(run(LOST, 8191)), []);
    expect(readArrivals(packet)).toHaveLength(2048);
  });
});
