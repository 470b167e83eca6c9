import { describe, expect, test } from "vitest";
import { SrtcpSession } from "werift";
import type { Route } from "../../../src/transport/io/route.ts";
import { PacketHistory } from "../../../src/transport/packets/history.ts";
import { type MasterKey, NodeSealer } from "../../../src/transport/rtp/srtp.ts";
import { MediaSession } from "../../../src/transport/session/media-session.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const SSRC = 0xaaaa0001;
const KEY: MasterKey = { profile: "AEAD_AES_128_GCM", key: Buffer.alloc(16, 1), salt: Buffer.alloc(12, 2) };

/** A receiver report and a NACK of these sequence numbers (RFC 4585, section 6.2.1). */
function nackOf(lost: readonly number[]): Buffer {
  const packet = Buffer.alloc(8 + 12 + 4 * lost.length);
  packet.set([0x80, 201, 0, 1, 0, 0, 0, 3, 0x81, 205, 0, 2 + lost.length, 0, 0, 0, 3]);
  packet.writeUInt32BE(SSRC, 16);
  for (const [n, number] of lost.entries()) packet.writeUInt16BE(number, 20 + 4 * n);
  return packet;
}

/** What was sealed under each nonce, which is the SSRC and the packet's index (RFC 7714, section 8.1). */
class Sealed {
  readonly clock = new FakeClock();
  /** Header and payload by nonce. */
  readonly plaintexts = new Map<string, string>();
  readonly reused: string[] = [];
  readonly lastNumbers: number[] = [];
  repeated = 0;
  wanted = 0;
  readonly #history = [0, 1, 2, 3, 4, 5, 6].map(() => new PacketHistory(this.clock));
  readonly #srtcp = new SrtcpSession({
    profile: 7,
    keys: {
      localMasterKey: KEY.key,
      localMasterSalt: KEY.salt,
      remoteMasterKey: KEY.key,
      remoteMasterSalt: KEY.salt,
    },
  });
  readonly #session: MediaSession;
  #index = 0;

  constructor(rtx: boolean) {
    const route: Route = {
      address: { ip: "192.0.2.7", port: 40_000 },
      protocol: "udp",
      send() {},
      sendMedia: (_sealer, header, payload, index) => this.#sealed(header, payload, index),
    };
    this.#session = new MediaSession({
      clock: this.clock,
      everySecond: (act) => this.clock.every(1000, act),
      parameters: {
        media: { ssrc: SSRC, payloadType: 96 },
        rtx: rtx ? { ssrc: SSRC + 1, payloadType: 97 } : undefined,
        extensions: [{ id: 5, data: "counter" }],
        cname: "a name",
      },
      keys: { local: KEY, remote: KEY },
      sealerOf: (keys) => new NodeSealer(keys),
      route: () => route,
      keyframeNeeded() {},
      received() {},
      wants: (level) => {
        this.wanted = level;
      },
      left() {},
      counters: { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 },
    });
  }

  #sealed(header: Buffer, payload: Buffer, index: number): void {
    const nonce = `${header.readUInt32BE(8)} ${index}`;
    const plaintext = Buffer.concat([header, payload]).toString("latin1");
    const before = this.plaintexts.get(nonce);
    if (before === plaintext) this.repeated++;
    else if (before !== undefined) this.reused.push(nonce);
    this.plaintexts.set(nonce, plaintext);
    if (header.readUInt32BE(8) === SSRC) this.lastNumbers.push(header.readUInt16BE(2));
  }

  frame(type: "key" | "delta", packets: number): void {
    const level = this.wanted;
    const timestamp = this.#index;
    const made = Array.from({ length: packets }, (_, n) => ({
      index: this.#index++,
      timestamp,
      marker: n === packets - 1,
      payload: Buffer.alloc(1100, `${level} ${this.#index}`),
    }));
    const captured = this.clock.now();
    const about = { codec: "vp8", width: 2, height: 2, number: 1, rtpTimestamp: 0 } as const;
    const timings = { captured, received: captured };
    const frame = { ...about, level, fullBitrate: 1_000_000, type, timings, data: Buffer.alloc(0) };
    const history = this.#history[level];
    if (history) this.#session.send(history.add(frame, made));
  }

  nack(numbers: readonly number[]): void {
    this.#session.receive(this.#srtcp.encrypt(nackOf(numbers)));
  }
}

describe.each([
  ["without a stream for retransmissions", false],
  ["with a stream for retransmissions", true],
])("a viewer with transport-wide counters, %s", (_, rtx) => {
  test("never gets two plaintexts under one nonce, whatever it misses", () => {
    const viewer = new Sealed(rtx);
    for (let frame = 0; frame < 180; frame++) {
      // Sometimes more than the pacer can send, so that it drops packets and reuses their numbers.
      viewer.frame(frame % 15 === 0 ? "key" : "delta", frame % 60 < 20 ? 300 : 5);
      viewer.clock.pass(33);
      viewer.nack(viewer.lastNumbers.slice(-40).filter((number) => number % 3 === 0));
      viewer.clock.pass(20);
      viewer.nack(viewer.lastNumbers.slice(-40).filter((number) => number % 6 === 0));
    }
    expect(viewer.reused).toEqual([]);
    if (rtx) expect(viewer.wanted).toBeGreaterThan(0);
    else expect(viewer.repeated).toBeGreaterThan(100);
  });
});
