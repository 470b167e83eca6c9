import { once } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import type { MediaIo, MediaSocket } from "../../src/transport/io/io.ts";
import { loadNativeIo } from "../../src/transport/io/native/native.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import type { Route } from "../../src/transport/io/route.ts";
import { PacketHistory } from "../../src/transport/packets/history.ts";
import {
  deriveKeys,
  NodeSealer,
  PROFILES,
  type SessionKeys,
  SrtcpSealer,
  type SrtpProfile,
} from "../../src/transport/rtp/srtp.ts";
import { MediaSession } from "../../src/transport/session/media-session.ts";
import { FakeClock } from "../helpers/fake-clock.ts";
import { encodedFrame } from "../helpers/fakes.ts";

const HOST = "127.0.0.1";

const native = await loadNativeIo().catch((error: Error) => {
  process.stderr.write(`The native form is not tested: ${error.message}.\n`);
});
const forms: MediaIo[] = native ? [plainIo, native] : [plainIo];

function keysOf(profile: SrtpProfile): SessionKeys {
  const fill = (bytes: number, from: number) =>
    Buffer.from(Array.from({ length: bytes }, (_, n) => n * 7 + from));
  return { profile, key: fill(16, 1), salt: fill(PROFILES[profile].saltBytes, 2), auth: fill(20, 3) };
}

const GCM = keysOf("AEAD_AES_128_GCM");

/** A header of this many bytes, of the packet with this index. */
function headerOf(index: number, bytes = 12): Buffer {
  const header = Buffer.alloc(bytes, 0x33);
  header.set([bytes > 12 ? 0x90 : 0x80, 96]);
  header.writeUInt16BE(index % 2 ** 16, 2);
  header.writeUInt32BE(0xdeadbeef, 8);
  return header;
}

const payloadOf = (bytes: number, seed: number) =>
  Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 31 + seed) & 0xff));

/** A socket that keeps what comes. */
class Receiver {
  readonly got: Buffer[] = [];
  readonly bound: MediaSocket;

  constructor(bound: MediaSocket) {
    this.bound = bound;
    bound.socket.on("message", (datagram) => this.got.push(datagram));
  }

  get address() {
    return { ip: this.bound.socket.address().address, port: this.bound.socket.address().port };
  }

  /** Waits for so many datagrams, and hands them over. */
  async take(count: number): Promise<Buffer[]> {
    while (this.got.length < count) await once(this.bound.socket, "message");
    return this.got.splice(0);
  }
}

const sockets: MediaSocket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

async function bind(io: MediaIo, family: 4 | 6 = 4): Promise<MediaSocket> {
  const socket = await io.bind({ family, host: family === 4 ? HOST : "::1", port: 0 });
  sockets.push(socket);
  return socket;
}

const receiver = async (family: 4 | 6 = 4) => new Receiver(await bind(plainIo, family));

describe.each(forms)("the $name form", (io) => {
  test.each(Object.keys(PROFILES) as SrtpProfile[])(
    "encrypts exactly like the plain form: %s",
    async (profile) => {
      const keys = keysOf(profile);
      const [expected, sealer] = [new NodeSealer(keys), io.sealerOf(keys)];
      const [socket, to] = [await bind(io), await receiver()];
      const { sendMedia: send } = socket.wayTo(to.address);
      for (const headerBytes of [12, 20, 28]) {
        for (const index of [0, 1, 65_535, 65_536, 2 ** 32 + 7, 2 ** 48 - 1]) {
          const packets: Buffer[] = [];
          for (const bytes of [0, 1, 15, 16, 17, 31, 32, 33, 100, 1179, 1180, 1400]) {
            const [header, payload] = [headerOf(index, headerBytes), payloadOf(bytes, index)];
            packets.push(expected.seal(header, payload, index));
            send(sealer, header, payload, index);
            expect(sealer.seal(header, payload, index)).toEqual(packets.at(-1));
            // The form copies the packets.
            header.fill(0);
            payload.fill(0);
          }
          expect((await to.take(packets.length)).map(hex)).toEqual(packets.map(hex));
        }
      }
      sealer.close();
    },
  );

  test("a retransmission on the media stream is the same datagram, even with transport-wide numbering", async () => {
    const [socket, to] = [await bind(io), await receiver()];
    const clock = new FakeClock();
    const master = { profile: "AEAD_AES_128_GCM", key: GCM.key, salt: GCM.salt } as const;
    const route: Route = { address: to.address, protocol: "udp", ...socket.wayTo(to.address), send() {} };
    const session = new MediaSession({
      clock,
      everySecond: (act) => clock.every(1000, act),
      parameters: {
        media: { ssrc: 1, payloadType: 96 },
        rtx: undefined,
        extensions: [{ id: 5, data: "counter" }],
        cname: "a name",
      },
      keys: { local: master, remote: master },
      sealerOf: (keys) => io.sealerOf(keys),
      route: () => route,
      keyframeNeeded() {},
      received() {},
      wants: undefined,
      left() {},
      counters: { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 },
    });
    const packets = [1, 2].map((index) => ({
      index,
      timestamp: 9,
      marker: false,
      payload: payloadOf(900, 3),
    }));
    session.send(new PacketHistory(clock).add(encodedFrame(1, clock.now()), packets));
    const first = await to.take(2);
    const nack = Buffer.alloc(24);
    nack.set([0x80, 201, 0, 1, 0, 0, 0, 3, 0x81, 205, 0, 3, 0, 0, 0, 3, 0, 0, 0, 1]);
    nack.writeUInt16BE(first[0]?.readUInt16BE(2) ?? 0, 20);
    nack.writeUInt16BE(1, 22);
    session.receive(new SrtcpSealer(deriveKeys(master).rtcp).seal(nack));
    expect((await to.take(2)).map(hex)).toEqual(first.map(hex));
    session.close();
  });

  test("every size up to the largest packet arrives unchanged", async () => {
    const [socket, to, sealer, expected] = [
      await bind(io),
      await receiver(),
      io.sealerOf(GCM),
      new NodeSealer(GCM),
    ];
    const { sendMedia: send } = socket.wayTo(to.address);
    for (let bytes = 0; bytes <= 1180; ) {
      const packets: Buffer[] = [];
      for (let n = 0; n < 60 && bytes <= 1180; n++, bytes++) {
        const [header, payload] = [headerOf(bytes), payloadOf(bytes, bytes)];
        packets.push(expected.seal(header, payload, bytes));
        send(sealer, header, payload, bytes);
      }
      expect((await to.take(packets.length)).map(hex)).toEqual(packets.map(hex));
    }
    sealer.close();
  });

  /** Sends packets of these sizes, the n-th to the receiver that `turn` says, in one task. */
  async function sendsInOrder(sizes: readonly number[], receivers: number, turn: (n: number) => number) {
    const [socket, sealer, expected] = [await bind(io), io.sealerOf(GCM), new NodeSealer(GCM)];
    const all: { to: Receiver; send: ReturnType<MediaSocket["wayTo"]>["sendMedia"]; packets: string[] }[] =
      [];
    for (let n = 0; n < receivers; n++) {
      const to = await receiver();
      all.push({ to, send: socket.wayTo(to.address).sendMedia, packets: [] });
    }
    for (const [n, bytes] of sizes.entries()) {
      const one = all[turn(n)];
      const [header, payload] = [headerOf(n), payloadOf(bytes, n)];
      one?.packets.push(hex(expected.seal(header, payload, n)));
      one?.send(sealer, header, payload, n);
    }
    for (const { to, packets } of all) expect((await to.take(packets.length)).map(hex)).toEqual(packets);
    expect(socket.dropped).toBe(0);
    sealer.close();
  }

  test.each<[string, number[]]>([
    ["equal sizes and a shorter last", [1180, 1180, 1180, 400]],
    ["frame after frame", [1180, 1180, 400, 1180, 1180, 300, 20, 20, 20]],
    ["growing sizes", [10, 20, 30, 30, 40]],
    ["shrinking sizes", [1000, 900, 800, 800, 700]],
    ["mixed sizes", [500, 1180, 1180, 1181, 1180, 1, 1, 0, 0, 1180, 2, 1180]],
    ["more than one message holds", [...Array.from({ length: 100 }, () => 1180), 7]],
  ])("keeps order and content: %s", async (_, sizes) => {
    await sendsInOrder(sizes, 1, () => 0);
    await sendsInOrder(sizes, 3, (n) => n % 3);
    await sendsInOrder(sizes, 2, (n) => Math.floor(n / 4) % 2);
  });

  test("keeps order and content when there is more than one call can take", async () => {
    // Messages: each packet to another receiver than the one before.
    await sendsInOrder(
      Array.from({ length: 300 }, (_, n) => 50 + (n % 5)),
      4,
      (n) => n % 4,
    );
    // Bytes: 16 receivers, 48 packets each, 900 kB in all.
    await sendsInOrder(
      Array.from({ length: 768 }, () => 1180),
      16,
      (n) => Math.floor(n / 48),
    );
  });

  test("reaches IPv6 addresses", async (context) => {
    const to = await receiver(6).catch(() => undefined);
    if (!to) return context.skip("this machine has no IPv6");
    const [socket, sealer] = [await bind(io, 6), io.sealerOf(GCM)];
    const { sendMedia: send } = socket.wayTo(to.address);
    for (let index = 0; index < 3; index++) send(sealer, headerOf(index), payloadOf(100, index), index);
    const packets = [0, 1, 2].map((index) =>
      new NodeSealer(GCM).seal(headerOf(index), payloadOf(100, index), index),
    );
    expect((await to.take(3)).map(hex)).toEqual(packets.map(hex));
    sealer.close();
  });

  test("each datagram that the system refuses is counted, and the others are sent", async () => {
    const [socket, to, sealer] = [await bind(io), await receiver(), io.sealerOf(GCM)];
    const { sendMedia: send } = socket.wayTo(to.address);
    // Broadcast is refused to a socket that has not asked for it.
    const { sendMedia: nowhere } = socket.wayTo({ ip: "255.255.255.255", port: 9 });
    for (let index = 0; index < 12; index++) {
      send(sealer, headerOf(index), payloadOf(100, index), index);
      if (index % 4 === 0) {
        for (let n = 0; n < 3; n++) nowhere(sealer, headerOf(index), payloadOf(100, index), index);
      }
    }
    const got = await to.take(12);
    expect(got.map((packet) => packet.readUInt16BE(2))).toEqual(Array.from({ length: 12 }, (_, n) => n));
    expect(socket.dropped).toBe(9);
    // A whole frame to one receiver still comes in order.
    for (let index = 0; index < 40; index++) send(sealer, headerOf(index), payloadOf(1000, index), index);
    expect((await to.take(40)).map((packet) => packet.readUInt16BE(2))).toEqual(
      Array.from({ length: 40 }, (_, n) => n),
    );
    sealer.close();
  });

  test("encryption after the keys are closed is refused, and nothing is sent", async () => {
    const [socket, to, sealer, closed] = [
      await bind(io),
      await receiver(),
      io.sealerOf(GCM),
      io.sealerOf(GCM),
    ];
    const { sendMedia: send } = socket.wayTo(to.address);
    const elsewhere = await receiver();
    closed.close();
    closed.close();
    const packet = [headerOf(1), payloadOf(100, 1), 1] as const;
    expect(() => closed.seal(...packet)).toThrow("closed");
    // First, between and last, to the same receiver and to another.
    const { sendMedia: refused } = socket.wayTo(elsewhere.address);
    for (let round = 0; round < 3; round++) {
      expect(() => refused(closed, ...packet)).toThrow("closed");
      expect(() => send(closed, ...packet)).toThrow("closed");
      send(sealer, ...packet);
    }
    socket.wayTo(elsewhere.address).sendMedia(sealer, ...packet);
    const sound = hex(new NodeSealer(GCM).seal(...packet));
    expect((await to.take(3)).map(hex)).toEqual([sound, sound, sound]);
    expect((await elsewhere.take(1)).map(hex)).toEqual([sound]);
    sealer.close();
  });

  test("sending while or after the socket closes does nothing, and raises no error", async () => {
    const [socket, to, sealer] = [await bind(io), await receiver(), io.sealerOf(GCM)];
    const { sendMedia: send } = socket.wayTo(to.address);
    socket.close();
    socket.close();
    send(sealer, headerOf(1), payloadOf(100, 1), 1);
    await new Promise<void>((resolve) => setImmediate(resolve));
    send(sealer, headerOf(1), payloadOf(100, 1), 1);
    expect(socket.dropped).toBe(0);
    sealer.close();
  });

  test("says why it cannot bind an address", async () => {
    const { port } = (await bind(io)).socket.address();
    await expect(io.bind({ family: 4, host: HOST, port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await expect(io.bind({ family: 4, host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
      code: "EADDRNOTAVAIL",
    });
  });

  test("a socket for all IPv6 addresses leaves the same port free for IPv4", async (context) => {
    const six = await io.bind({ family: 6, host: "::", port: 0 }).catch(() => undefined);
    if (!six) return context.skip("this machine has no IPv6");
    sockets.push(six);
    sockets.push(await io.bind({ family: 4, host: "0.0.0.0", port: six.socket.address().port }));
  });
});

describe.skipIf(!native)("the native form alone", () => {
  test("refuses a sealer of another form", async () => {
    const socket = await bind(native ?? plainIo);
    const { sendMedia: send } = socket.wayTo({ ip: HOST, port: 9 });
    expect(() => send(new NodeSealer(GCM), headerOf(1), payloadOf(1, 1), 1)).toThrow(TypeError);
  });
});

function hex(bytes: Buffer): string {
  return bytes.toString("hex");
}
