import { beforeEach, describe, expect, test } from "vitest";
import { SctpGate } from "../../../src/transport/werift/sctp-gate.ts";

let gate: SctpGate;
beforeEach(() => {
  gate = new SctpGate();
});

const words = (...all: number[]) => {
  const bytes = Buffer.alloc(4 * all.length);
  for (const [n, word] of all.entries()) bytes.writeUInt32BE(word, 4 * n);
  return bytes;
};

/** A chunk with this length field, padded to 32 bits. */
function chunk(type: number, body = Buffer.alloc(0), length = 4 + body.length): Buffer {
  const header = Buffer.from([type, 0, length >> 8, length & 0xff]);
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 3)]);
}

const packet = (...chunks: Buffer[]) => Buffer.concat([Buffer.alloc(12), ...chunks]);
const opening = (protocol = 50, bytes = 18) =>
  chunk(0, Buffer.concat([words(1, 0, protocol), Buffer.alloc(bytes, 3)]));
const sack = (...gaps: [number, number][]) =>
  chunk(3, words(1, 131_072, gaps.length * 65_536, ...gaps.map(([start, end]) => start * 65_536 + end)));
const init = (...parameters: Buffer[]) => chunk(1, Buffer.concat([words(7, 131_072, 0, 1), ...parameters]));
const parameter = (type: number, bytes: number, length = 4 + bytes) =>
  Buffer.concat([
    Buffer.from([type >> 8, type & 0xff, length >> 8, length & 0xff]),
    Buffer.alloc(bytes + (-bytes & 3)),
  ]);

describe("what browsers send passes", () => {
  test.each([
    ["an INIT with its parameters", packet(init(parameter(0x8008, 3), parameter(0xc000, 0)))],
    ["a cookie followed by the opening of a channel", packet(chunk(10, Buffer.alloc(70)), opening())],
    ["an acknowledgement", packet(sack())],
    ["an acknowledgement with gaps", packet(sack([2, 3], [7, 7]))],
    ["a heartbeat and its answer", packet(chunk(4, parameter(1, 8)), chunk(5, parameter(1, 8)))],
    ["the reset of a stream", packet(chunk(130, parameter(13, 14)))],
    ["an abort", packet(chunk(6))],
  ])("%s", (_, bytes) => {
    expect(gate.pass(bytes)).toBe(true);
  });
});

describe("what could harm werift does not pass", () => {
  test.each([
    ["an empty packet", Buffer.alloc(0)],
    ["no chunk", packet()],
    ["a chunk of length 0", packet(chunk(11, Buffer.alloc(0), 0))],
    ["a chunk shorter than its header", packet(chunk(11, Buffer.alloc(0), 3))],
    ["a chunk longer than the packet", packet(chunk(11, Buffer.alloc(0), 5))],
    ["half a chunk's header", packet(chunk(11), Buffer.from([11, 0]))],
    ["a valid chunk followed by an invalid one", packet(sack(), chunk(11, Buffer.alloc(0), 0))],
    ["very many chunks", packet(...Array.from({ length: 17 }, () => chunk(11)))],
    ["an INIT that ends early", packet(chunk(1, words(7, 1)))],
    ["a parameter of length 0", packet(init(parameter(0x8008, 4, 0)))],
    ["a parameter longer than its chunk", packet(init(parameter(0x8008, 4, 9)))],
    ["data, which viewers need not send", packet(opening(51))],
    ["a huge opening", packet(opening(50, 600))],
    ["data that ends early", packet(chunk(0, words(1, 0)))],
    ["an acknowledgement of everything", packet(sack([1, 65_535]))],
    ["an acknowledgement that ends before it begins", packet(sack([5, 4]))],
    ["an acknowledgement of the packet before the first", packet(sack([0, 1]))],
    ["an acknowledgement with fewer gaps than it states", packet(chunk(3, words(1, 1, 65_536)))],
    [
      "an acknowledgement with very many gaps",
      packet(sack(...Array.from({ length: 65 }, () => [1, 1] as [number, number]))),
    ],
    ["a FORWARD-TSN", packet(chunk(192, words(9)))],
    ["an unknown chunk", packet(chunk(77))],
  ])("%s", (_, bytes) => {
    expect(gate.pass(bytes)).toBe(false);
  });

  test("more openings than the limit", () => {
    const passed = Array.from({ length: 1000 }, () => gate.pass(packet(opening()))).filter(Boolean);
    expect(passed).toHaveLength(64);
    expect(gate.pass(packet(sack()))).toBe(true);
  });
});
