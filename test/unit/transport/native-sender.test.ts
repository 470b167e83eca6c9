import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Memory, Native } from "../../../src/transport/io/native/ffi.ts";
import { NativeSender } from "../../../src/transport/io/native/sender.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const EAGAIN = 11;
const EINVAL = 22;
const EMSGSIZE = 90;

/** A kernel that reads the structures as Linux does. */
class FakeKernel {
  readonly memories: Memory[] = [];
  /** The datagrams that left, by port. */
  readonly sent: { readonly port: number; readonly text: string }[] = [];
  /** Messages that the send buffer takes. */
  room = Number.POSITIVE_INFINITY;
  mtu = 1500;
  /** What a segmented message above the MTU is answered with. */
  refusal = EMSGSIZE;
  /** Whether single datagrams above the MTU are refused too. */
  fragments = true;
  #errno = 0;
  #next = 4096;

  readonly native: Native = {
    crypto: {} as Native["crypto"],
    system: {
      socket: () => 9,
      setOption: () => 0,
      getOption: (_socket, _level, _name, value) => {
        this.#bytes(value, 4).writeInt32LE(this.mtu);
        return 0;
      },
      bind: () => 0,
      connect: () => 0,
      close: () => 0,
      send: (_socket, messages, count) => this.#send(messages, count),
      errno: () => this.#errno,
    },
    allocate: (bytes) => {
      const memory = { bytes: Buffer.alloc(bytes), at: this.#next };
      this.#next += bytes + 64;
      this.memories.push(memory);
      return memory;
    },
  };

  #bytes(at: number, length: number): Buffer {
    const memory = this.memories.find(
      ({ at: from, bytes }) => at >= from && at + length <= from + bytes.length,
    );
    if (!memory) throw new Error(`nobody allocated ${at}`);
    return memory.bytes.subarray(at - memory.at, at - memory.at + length);
  }

  #send(messages: number, count: number): number {
    for (let n = 0; n < count; n++) {
      const error = this.#sendOne(this.#bytes(messages + n * 64, 64));
      if (error === 0) continue;
      this.#errno = error;
      return n === 0 ? -1 : n;
    }
    return count;
  }

  #sendOne(header: Buffer): number {
    const pointer = (at: number) => Number(header.readBigUInt64LE(at));
    const name = this.#bytes(pointer(0), header.readUInt32LE(8));
    const vector = this.#bytes(pointer(16), 16);
    const data = this.#bytes(Number(vector.readBigUInt64LE(0)), Number(vector.readBigUInt64LE(8)));
    const control = pointer(32) === 0 ? undefined : this.#bytes(pointer(32), 24);
    const segment = control?.readUInt16LE(16) ?? data.length;
    if (segment + 28 > this.mtu) {
      if (control) return this.refusal;
      if (!this.fragments) return EMSGSIZE;
    }
    if (this.room === 0) return EAGAIN;
    this.room--;
    for (let at = 0; at < data.length; at += segment)
      this.sent.push({ port: name.readUInt16BE(2), text: data.toString("latin1", at, at + segment).trim() });
    return 0;
  }
}

describe("the native sender", () => {
  let kernel: FakeKernel;
  let clock: FakeClock;
  let sender: NativeSender;

  beforeEach(() => {
    kernel = new FakeKernel();
    clock = new FakeClock();
    sender = new NativeSender(kernel.native, { fd: 7, segmentation: true, clock });
  });
  afterEach(() => sender.close());

  const to = (port: number) => sender.wayTo({ ip: "192.0.2.1", port });
  const datagram = (text: string | number, bytes = 1000) => Buffer.from(String(text).padEnd(bytes), "latin1");
  const textsTo = (port: number) => kernel.sent.filter((one) => one.port === port).map(({ text }) => text);
  const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n));

  test("what the send buffer does not take waits, and leaves in order", async () => {
    kernel.room = 3;
    for (let n = 0; n < 20; n++) for (const port of [1, 2]) to(port).send(datagram(n));
    await clock.advance(0);
    expect(kernel.sent).toHaveLength(3);
    for (let n = 20; n < 25; n++) for (const port of [1, 2]) to(port).send(datagram(n));
    for (let round = 0; round < 25; round++) {
      kernel.room = 2;
      await clock.advance(1);
    }
    expect([textsTo(1), textsTo(2)]).toEqual([numbers(25), numbers(25)]);
    expect(sender.dropped).toBe(0);
    expect(clock.timers).toBe(0);
  });

  test("more than one batch can wait", async () => {
    kernel.room = 0;
    const way = to(1);
    for (let n = 0; n < 2000; n++) way.send(datagram(n));
    await clock.advance(5);
    kernel.room = Number.POSITIVE_INFINITY;
    await clock.advance(1);
    expect(textsTo(1)).toEqual(numbers(2000));
    expect(sender.dropped).toBe(0);
  });

  test("a link that takes nothing for 30 ms loses what waits, and no more", async () => {
    kernel.room = 1;
    for (const port of [1, 2, 3]) to(port).send(datagram(port));
    await clock.advance(29);
    expect(sender.dropped).toBe(0);
    await clock.advance(2);
    expect(sender.dropped).toBe(2);
    kernel.room = 1;
    to(4).send(datagram("after"));
    await clock.advance(0);
    expect(kernel.sent.map(({ port }) => port)).toEqual([1, 4]);
  });

  test("what waits has a limit in bytes", async () => {
    kernel.room = 0;
    const way = to(1);
    for (let n = 0; n < 6000; n++) way.send(datagram(n));
    expect(sender.dropped).toBeGreaterThan(0);
    await clock.advance(0);
    kernel.room = Number.POSITIVE_INFINITY;
    await clock.advance(1);
    expect(textsTo(1)).toEqual(numbers(6000 - sender.dropped));
    expect(textsTo(1).length).toBeGreaterThanOrEqual(4000);
  });

  test.each([
    ["EMSGSIZE", EMSGSIZE],
    ["EINVAL, as older kernels answer", EINVAL],
  ])(
    "a message that is too large for its path is sent again in single datagrams: %s",
    async (_name, error) => {
      kernel.mtu = 900;
      kernel.refusal = error;
      const [narrow, wide] = [to(1), to(2)];
      for (let n = 0; n < 5; n++) narrow.send(datagram(n));
      for (let n = 0; n < 5; n++) wide.send(datagram(n, 500));
      await clock.advance(0);
      expect([textsTo(1), textsTo(2)]).toEqual([numbers(5), numbers(5)]);
      expect(sender.dropped).toBe(0);
    },
  );

  test("only the destination that refuses segments goes without them", async () => {
    kernel.mtu = 900;
    const [narrow, wide] = [to(1), to(2)];
    for (let n = 0; n < 5; n++) narrow.send(datagram(n));
    await clock.advance(0);
    kernel.room = 100;
    for (let n = 0; n < 5; n++) narrow.send(datagram(n));
    for (let n = 0; n < 5; n++) wide.send(datagram(n, 500));
    await clock.advance(0);
    // Five single datagrams, and one message of five.
    expect(kernel.room).toBe(94);
  });

  test("single datagrams stop where the buffer is full, and go on from there", async () => {
    kernel.mtu = 900;
    kernel.room = 2;
    for (let n = 0; n < 5; n++) to(1).send(datagram(n));
    const way = to(3);
    for (let n = 0; n < 5; n++) way.send(datagram(n));
    kernel.room = 2;
    await clock.advance(0);
    kernel.room = Number.POSITIVE_INFINITY;
    await clock.advance(1);
    expect([textsTo(1), textsTo(3)]).toEqual([numbers(5), numbers(5)]);
    expect(sender.dropped).toBe(0);
  });

  test("a path that refuses single datagrams too loses them alone, and its size is looked up again", async () => {
    const way = to(1);
    expect(way.maxDatagram?.()).toBe(1472);
    kernel.mtu = 600;
    kernel.fragments = false;
    for (let n = 0; n < 3; n++) way.send(datagram(n));
    to(2).send(datagram("other", 500));
    expect(way.maxDatagram?.()).toBe(1472);
    await clock.advance(0);
    expect(sender.dropped).toBe(3);
    expect(textsTo(2)).toEqual(["other"]);
    expect(way.maxDatagram?.()).toBe(572);
  });
});
