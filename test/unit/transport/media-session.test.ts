import { beforeEach, describe, expect, test, vi } from "vitest";
import { RtcpPacketConverter, RtcpSrPacket, RtpPacket, SrtcpSession, SrtpSession } from "werift";
import type { EpochMs } from "../../../src/base/clock.ts";
import type { EncodedFrame } from "../../../src/media/frame.ts";
import type { Route } from "../../../src/transport/io/route.ts";
import { PacketHistory } from "../../../src/transport/packets/history.ts";
import type { MediaPacket } from "../../../src/transport/packets/packetizer.ts";
import { compactNtp } from "../../../src/transport/rtp/rtcp.ts";
import { type MasterKey, NodeSealer, type SrtpProfile } from "../../../src/transport/rtp/srtp.ts";
import { MediaSession } from "../../../src/transport/session/media-session.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const MEDIA = { ssrc: 0xaaaa0001, payloadType: 96 };
const RTX = { ssrc: 0xbbbb0002, payloadType: 97 };
const VIEWER = 0xcccc0003;
const PROFILES: readonly [SrtpProfile, number][] = [
  ["AES128_CM_HMAC_SHA1_80", 1],
  ["AEAD_AES_128_GCM", 7],
];

function masterKey(profile: SrtpProfile, fill: number): MasterKey {
  const salt = Buffer.alloc(profile === "AEAD_AES_128_GCM" ? 12 : 14, fill + 1);
  return { profile, key: Buffer.alloc(16, fill), salt };
}

/** A media session, with an independent implementation as its viewer. */
class Watched {
  readonly clock: FakeClock;
  history: PacketHistory;
  readonly counters = { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 };
  readonly keyframeNeeded = vi.fn();
  readonly received = vi.fn();
  readonly wants = vi.fn();
  readonly left = vi.fn();
  readonly session: MediaSession;
  sealersClosed = 0;
  /** The sealed packets. */
  readonly sent: Buffer[] = [];
  readonly control: Buffer[] = [];
  route: Route | undefined = {
    address: { ip: "192.0.2.7", port: 40_000 },
    protocol: "udp",
    send: (datagram) => this.control.push(datagram),
    sendMedia: (sealer, header, payload, index) => this.sent.push(sealer.seal(header, payload, index)),
  };
  readonly #srtp: SrtpSession;
  readonly #srtcp: SrtcpSession;
  #index = 5000;

  constructor({
    profile = "AEAD_AES_128_GCM" as SrtpProfile,
    number = 7,
    rtx = true,
    start = Date.parse("2030-01-01T00:00:00.250Z"),
  } = {}) {
    this.clock = new FakeClock(start);
    this.history = new PacketHistory(this.clock);
    const [local, remote] = [masterKey(profile, 1), masterKey(profile, 3)];
    this.session = new MediaSession({
      clock: this.clock,
      parameters: {
        media: MEDIA,
        rtx: rtx ? RTX : undefined,
        extensions: [{ id: 4, data: Buffer.from([0, 0, 0]) }],
        cname: "a name",
      },
      keys: { local, remote },
      everySecond: (act) => this.clock.every(1000, act),
      sealerOf: (keys) => {
        const sealer = new NodeSealer(keys);
        const close = () => {
          this.sealersClosed++;
          sealer.close();
        };
        return { seal: (header, payload, index) => sealer.seal(header, payload, index), close };
      },
      route: () => this.route,
      keyframeNeeded: this.keyframeNeeded,
      received: this.received,
      wants: this.wants,
      left: this.left,
      counters: this.counters,
    });
    const keys = {
      localMasterKey: remote.key,
      localMasterSalt: remote.salt,
      remoteMasterKey: local.key,
      remoteMasterSalt: local.salt,
    };
    this.#srtp = new SrtpSession({ keys, profile: number });
    this.#srtcp = new SrtcpSession({ keys, profile: number });
  }

  /** Sends a frame of this many packets, with their indexes in the rendition as payloads. */
  frame(type: EncodedFrame["type"] = "delta", { packets = 1, captured = this.clock.now() } = {}): void {
    const made: MediaPacket[] = Array.from({ length: packets }, (_, n) => ({
      index: this.#index++,
      timestamp: 90_000,
      marker: n === packets - 1,
      payload: Buffer.from(`packet ${this.#index - 1}`),
    }));
    const about = {
      codec: "vp8",
      level: 0,
      fullBitrate: 1_000_000,
      width: 2,
      height: 2,
      number: 1,
      rtpTimestamp: 90_000,
    } as const;
    const timings = { captured, received: captured };
    this.session.send(this.history.add({ ...about, type, timings, data: Buffer.alloc(0) }, made));
  }

  /** Advances the rendition without sending to this viewer. */
  skip(packets: number): void {
    this.#index += packets;
  }

  /** The media packets since the last call, decrypted and parsed. */
  media(): RtpPacket[] {
    return this.sent.splice(0).map((sealed) => RtpPacket.deSerialize(this.#srtp.decrypt(sealed)));
  }

  /** The reports since the last call. */
  reports(): RtcpSrPacket[] {
    const compounds = this.control.splice(0).map((sealed) => this.#srtcp.decrypt(sealed));
    return compounds.flatMap((compound) =>
      RtcpPacketConverter.deSerialize(compound).filter((packet) => packet instanceof RtcpSrPacket),
    );
  }

  /** Sends this feedback in one sealed compound. */
  tell(...packets: Buffer[]): void {
    this.session.receive(this.sealed(...packets));
  }

  sealed(...packets: Buffer[]): Buffer {
    return this.#srtcp.encrypt(Buffer.concat([packetOf(201, 0, VIEWER), ...packets]));
  }

  open(sealed: Buffer): Buffer {
    return this.#srtcp.decrypt(sealed);
  }
}

function packetOf(type: number, count: number, ...words: number[]): Buffer {
  const packet = Buffer.alloc(4 + 4 * words.length);
  packet.set([0x80 | count, type, 0, words.length]);
  for (const [n, word] of words.entries()) packet.writeUInt32BE(word, 4 + 4 * n);
  return packet;
}

const nack = (lost: readonly number[], ssrc = MEDIA.ssrc) =>
  packetOf(205, 1, VIEWER, ssrc, ...lost.map((number) => number * 2 ** 16));
const pictureLoss = (ssrc = MEDIA.ssrc) => packetOf(206, 1, VIEWER, ssrc);
const fullIntra = (ssrc = MEDIA.ssrc) => packetOf(206, 4, VIEWER, 0, ssrc, 0);
const bye = () => packetOf(203, 1, VIEWER);
const report = (lastReport: number, delay: number, { lost = 0, jitter = 0, ssrc = MEDIA.ssrc } = {}) =>
  packetOf(201, 1, VIEWER, ssrc, lost * 2 ** 24, 0, jitter, lastReport, delay);
const numbersOf = (packets: readonly RtpPacket[]) => packets.map(({ header }) => header.sequenceNumber);
const textsOf = (packets: readonly RtpPacket[]) => packets.map(({ payload }) => payload.toString());

/** The original number and the content of each retransmission (RFC 4588, section 4). */
const repairsOf = (packets: readonly RtpPacket[]) =>
  packets.map(({ payload }) => [payload.readUInt16BE(0), payload.subarray(2).toString()]);

describe.each(PROFILES)("media by %s", (profile, number) => {
  let viewer: Watched;
  beforeEach(() => {
    viewer = new Watched({ profile, number });
  });

  test("is decrypted by an independent implementation and has the right headers", () => {
    viewer.frame("key", { packets: 3 });
    const packets = viewer.media();
    expect(textsOf(packets)).toEqual(["packet 5000", "packet 5001", "packet 5002"]);
    const [first = 0] = numbersOf(packets);
    expect(numbersOf(packets)).toEqual([first, first + 1, first + 2]);
    expect(packets.map(({ header }) => header.marker)).toEqual([false, false, true]);
    for (const { header } of packets) {
      expect(header).toMatchObject({ ssrc: MEDIA.ssrc, payloadType: 96, timestamp: 90_000 });
      expect(header.extensions).toMatchObject([{ id: 4, payload: Buffer.from([0, 0, 0]) }]);
    }
  });

  test("continues across the wrap of its sequence numbers, retransmissions included", () => {
    viewer.frame("key");
    const [start = 0] = numbersOf(viewer.media());
    // In steps that the independent implementation's roll-over counter can follow.
    for (let at = start; at < 65_530; ) {
      const step = Math.min(20_000, 65_530 - at);
      viewer.skip(step - 1);
      viewer.frame();
      at += step;
    }
    viewer.media();
    viewer.frame("delta", { packets: 10 });
    const packets = viewer.media();
    expect(numbersOf(packets)).toEqual([65_531, 65_532, 65_533, 65_534, 65_535, 0, 1, 2, 3, 4]);
    viewer.tell(nack([65_535, 0, 3]));
    const repairs = viewer.media();
    const texts = textsOf(packets);
    expect(repairsOf(repairs)).toEqual([
      [65_535, texts[4]],
      [0, texts[5]],
      [3, texts[8]],
    ]);
    expect(new Set(repairs.map(({ header }) => header.ssrc))).toEqual(new Set([RTX.ssrc]));
  });
});

describe("before the first keyframe", () => {
  test("no media and no report is sent", async () => {
    const viewer = new Watched();
    viewer.frame("delta", { packets: 3 });
    await viewer.clock.advance(3000);
    expect([...viewer.sent, ...viewer.control]).toEqual([]);
    viewer.frame("key");
    expect(textsOf(viewer.media())).toEqual(["packet 5003"]);
  });

  test("nothing is retransmitted, even if the rendition has the packet", () => {
    const viewer = new Watched();
    viewer.frame("delta", { packets: 40 });
    viewer.frame("key");
    const [start = 0] = numbersOf(viewer.media());
    const before = Array.from({ length: 40 }, (_, n) => (start - 1 - n + 2 ** 16) % 2 ** 16);
    viewer.tell(nack(before.slice(0, 30)), nack(before.slice(30)));
    expect(viewer.sent).toEqual([]);
    expect(viewer.counters.refusedRtcp).toBe(0);
  });

  test("a keyframe without a route does not count as sent", () => {
    const viewer = new Watched();
    const { route } = viewer;
    viewer.route = undefined;
    viewer.frame("key");
    viewer.route = route;
    viewer.frame("delta");
    expect(viewer.sent).toEqual([]);
  });

  test("sequence numbers start at random in the lower half", () => {
    const starts = Array.from({ length: 50 }, () => {
      const viewer = new Watched();
      viewer.frame("key");
      return numbersOf(viewer.media())[0] ?? 0;
    });
    expect(Math.max(...starts)).toBeLessThan(2 ** 15);
    expect(new Set(starts).size).toBeGreaterThan(40);
  });
});

describe("retransmissions", () => {
  test("carry the lost packets and are counted", () => {
    const viewer = new Watched();
    viewer.frame("key", { packets: 4 });
    const packets = viewer.media();
    const [, second = 0, third = 0] = numbersOf(packets);
    viewer.tell(nack([second, third]));
    const repairs = viewer.media();
    expect(repairsOf(repairs)).toEqual([
      [second, "packet 5001"],
      [third, "packet 5002"],
    ]);
    expect(repairs[0]?.header).toMatchObject({ payloadType: 97, timestamp: 90_000, marker: false });
    expect(viewer.counters).toEqual({ packets: 6, repairs: 2, parity: 0, refusedRtcp: 0, refusedSctp: 0 });
  });

  test("without an RTX stream repeat the original packets, byte for byte", () => {
    const viewer = new Watched({ rtx: false });
    viewer.frame("key", { packets: 3 });
    const first = [...viewer.sent];
    const numbers = numbersOf(viewer.media());
    viewer.tell(nack(numbers));
    expect(viewer.sent.map((sealed) => sealed.toString("hex"))).toEqual(
      first.map((sealed) => sealed.toString("hex")),
    );
  });

  test("of one packet are limited to one per round trip", async () => {
    const viewer = new Watched();
    viewer.frame("key");
    const [number = 0] = numbersOf(viewer.media());
    const lastReport = compactNtp(viewer.clock.now());
    await viewer.clock.advance(200);
    viewer.tell(report(lastReport, 0));
    for (const [wait, repairs] of [
      [0, 1],
      [0, 0],
      [150, 0],
      [51, 1],
    ] as const) {
      await viewer.clock.advance(wait);
      viewer.tell(nack([number]));
      expect(viewer.media()).toHaveLength(repairs);
    }
  });

  test("of packets that are unknown, unsent or too old do not happen", async () => {
    const viewer = new Watched();
    viewer.frame("key", { packets: 2 });
    const [first = 0, second = 0] = numbersOf(viewer.media());
    viewer.tell(nack([second + 1, second + 2, (first + 30_000) % 2 ** 16]));
    expect(viewer.sent).toEqual([]);
    for (let frame = 0; frame < 3; frame++) viewer.frame("key");
    viewer.media();
    await viewer.clock.advance(2001);
    viewer.frame("key");
    viewer.media();
    viewer.tell(nack([first, second]));
    expect(viewer.sent).toEqual([]);
  });

  test("are replaced by a keyframe request if a packet is too old, and older losses are dropped", async () => {
    const viewer = new Watched();
    viewer.frame("key", { packets: 2 });
    for (let frame = 0; frame < 6; frame++) {
      viewer.frame("delta", { packets: 2 });
      await viewer.clock.advance(1000);
    }
    const numbers = numbersOf(viewer.media());
    viewer.tell(nack(numbers.slice(4)));
    viewer.tell(nack(numbers.slice(6)));
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(1);
    expect(viewer.sent).toEqual([]);
    viewer.frame("key", { packets: 2 });
    const [, second = 0] = numbersOf(viewer.media());
    viewer.tell(nack([...numbers.slice(4), second]));
    expect(repairsOf(viewer.media())).toEqual([[second, "packet 5015"]]);
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(1);
  });

  test("are replaced by another keyframe request if the first keyframe had no route to the viewer", async () => {
    const viewer = new Watched();
    viewer.frame("key");
    viewer.frame();
    const [, lost = 0] = numbersOf(viewer.media());
    await viewer.clock.advance(3000);
    viewer.frame();
    viewer.frame();
    const { route } = viewer;
    viewer.tell(nack([lost]));
    viewer.route = undefined;
    viewer.frame("key");
    viewer.route = route;
    await viewer.clock.advance(499);
    viewer.tell(nack([lost]));
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(1);
    await viewer.clock.advance(1);
    viewer.tell(nack([lost]));
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(2);
  });

  test("of a packet that this viewer has not been sent yet are not made", () => {
    const viewer = new Watched();
    viewer.frame("key");
    const [number = 0] = numbersOf(viewer.media());
    const { route } = viewer;
    viewer.route = undefined;
    viewer.frame();
    viewer.route = route;
    viewer.tell(nack([number + 1]));
    expect(viewer.sent).toEqual([]);
    viewer.frame();
    // The packet without a route is a gap now, which a retransmission fills.
    expect(numbersOf(viewer.media())).toEqual([number + 2]);
    viewer.tell(nack([number + 1]));
    expect(repairsOf(viewer.media())).toEqual([[number + 1, "packet 5001"]]);
  });
});

test("retransmissions have separate sequence numbers and a separate roll-over counter", async () => {
  const viewer = new Watched();
  const sent: number[] = [];
  const repairs: number[] = [];
  const opened: number[] = [];
  const rolledOver = () => (repairs.at(-1) ?? 0) < (repairs[0] ?? 0);
  viewer.route = {
    ...(viewer.route as Route),
    sendMedia(sealer, header, payload, index) {
      const number = header.readUInt16BE(2);
      if (header.readUInt32BE(8) === MEDIA.ssrc) return void sent.push(number);
      repairs.push(number);
      // Encryption is nearly all of the cost; one packet in 250 keeps the receiver's roll-over counter right.
      if (repairs.length % 250 > 0 && !rolledOver()) return;
      viewer.sent.push(sealer.seal(header, payload, index));
      opened.push(...numbersOf(viewer.media()));
    },
  };
  viewer.frame("key");
  while (!rolledOver()) {
    sent.length = 0;
    viewer.frame("delta", { packets: 500 });
    viewer.tell(nack(sent.slice(0, 250)));
    viewer.clock.pass(1000);
  }
  const [first = 0] = repairs;
  expect(repairs).toEqual(Array.from(repairs, (_, n) => (first + n) % 2 ** 16));
  expect(opened).toEqual(repairs.filter((number, n) => n % 250 === 249 || number < first));
});

test("switches rendition at a keyframe and still retransmits packets of the previous one", async () => {
  const viewer = new Watched();
  viewer.frame("key", { packets: 2 });
  const [before] = viewer.media();
  // The viewer's numbers continue; those of the other rendition are unrelated.
  viewer.history = new PacketHistory(viewer.clock);
  viewer.skip(1000);
  viewer.frame("delta");
  expect(viewer.media()).toEqual([]);
  viewer.frame("key", { packets: 2 });
  const after = viewer.media();
  const first = before?.header.sequenceNumber ?? 0;
  expect(numbersOf(after)).toEqual([first + 2, first + 3]);
  expect(textsOf(after)).toEqual(["packet 6003", "packet 6004"]);
  // This picture was shown already, so its timestamp is one higher.
  expect(after.map(({ header }) => header.timestamp)).toEqual([90_001, 90_001]);
  viewer.tell(nack([first + 1, first + 2]));
  const repairs = viewer.media();
  expect(repairsOf(repairs)).toEqual([
    [first + 1, "packet 5001"],
    [first + 2, "packet 6003"],
  ]);
  expect(repairs.map(({ header }) => header.timestamp)).toEqual([90_000, 90_001]);
});

test("timestamps keep increasing when two renditions overlap", async () => {
  const viewer = new Watched();
  viewer.frame("key");
  viewer.history = new PacketHistory(viewer.clock);
  // Both show pictures that the earlier rendition has shown.
  viewer.frame("key");
  viewer.frame("delta");
  const packets = viewer.media();
  expect(packets.map(({ header }) => header.timestamp)).toEqual([90_000, 90_001, 90_002]);
  viewer.tell(nack(numbersOf(packets).slice(1)));
  // All frames of this test have one timestamp in the rendition, so only the number of packets is checked.
  expect(viewer.media()).toHaveLength(2);
});

test("requests a lower level when the network carries less, and a higher one when it recovers", async () => {
  const viewer = new Watched();
  const second = async (estimate: number, lost = 0) => {
    viewer.frame("key", { packets: 1000 });
    await viewer.clock.advance(1000);
    // 1000 packets of 11 bytes a second are 88 kbit/s.
    viewer.tell(
      packetOf(206, 15, VIEWER, 0, 0x52454d42, 0x0100_0000 + estimate, MEDIA.ssrc),
      report(0, 0, { lost }),
    );
  };
  await second(200_000);
  expect(viewer.wants).not.toHaveBeenCalled();
  await second(50_000, 26);
  expect(viewer.wants.mock.calls).toEqual([[1]]);
  for (let n = 0; n < 6; n++) await second(200_000);
  expect(viewer.wants.mock.calls).toEqual([[1], [0]]);
});

describe("sender reports", () => {
  test("come with the first frame and then each second", async () => {
    const viewer = new Watched();
    await viewer.clock.advance(500);
    viewer.frame("key");
    expect(viewer.reports()).toHaveLength(1);
    viewer.frame();
    expect(viewer.reports()).toHaveLength(0);
    for (let second = 0; second < 3; second++) {
      await viewer.clock.advance(1000);
      expect(viewer.reports()).toHaveLength(1);
    }
  });

  test("carry the time, its RTP timestamp, and the packets and bytes sent", async () => {
    const viewer = new Watched();
    viewer.frame("key", { captured: (viewer.clock.now() - 40) as EpochMs });
    const [first] = viewer.reports();
    // NTP counts from 1900: 2_208_988_800 s before 1970.
    const seconds = BigInt(Date.parse("2030-01-01T00:00:00Z") / 1000 + 2_208_988_800);
    const expected = { packetCount: 1, octetCount: 11, rtpTimestamp: 90_000 + 40 * 90 };
    expect(first?.ssrc).toBe(MEDIA.ssrc);
    expect(first?.senderInfo).toMatchObject({ ...expected, ntpTimestamp: (seconds << 32n) + 0x4000_0000n });

    const [number = 0] = numbersOf(viewer.media());
    viewer.tell(nack([number]));
    await viewer.clock.advance(1000);
    const [second] = viewer.reports();
    // Retransmissions belong to another stream.
    expect(second?.senderInfo).toMatchObject({ ...expected, rtpTimestamp: 90_000 + 1040 * 90 });
  });

  test("stay valid if a frame's capture time is in the future", () => {
    const viewer = new Watched();
    viewer.frame("key", { captured: (viewer.clock.now() + 2000) as EpochMs });
    expect(viewer.reports()[0]?.senderInfo.rtpTimestamp).toBe(2 ** 32 - 90_000);
  });
});

describe("the viewer's feedback", () => {
  test("gives loss, jitter and the round trip of our reports", async () => {
    const viewer = new Watched();
    viewer.tell(report(0, 0, { lost: 64, jitter: 450 }));
    expect(viewer.received).toHaveBeenLastCalledWith({ fractionLost: 0.25, jitter: 5, roundTrip: undefined });
    const lastReport = compactNtp(viewer.clock.now());
    await viewer.clock.advance(1500);
    viewer.tell(report(lastReport, 65_536));
    expect(viewer.received).toHaveBeenLastCalledWith({ fractionLost: 0, jitter: 0, roundTrip: 500 });
    viewer.tell(report(0, 0));
    expect(viewer.received).toHaveBeenLastCalledWith({ fractionLost: 0, jitter: 0, roundTrip: 500 });
  });

  test("rounds a slightly negative round trip to 0", async () => {
    const viewer = new Watched();
    const lastReport = compactNtp(viewer.clock.now());
    await viewer.clock.advance(1000);
    viewer.tell(report(lastReport, 65_540));
    expect(viewer.received).toHaveBeenLastCalledWith({ fractionLost: 0, jitter: 0, roundTrip: 0 });
  });

  test("gives the round trip across the wrap of the 16 bits of seconds in a report", async () => {
    // Half a second before the wrap of the 16 bits of seconds since 1900 in a report.
    const secondsTo1970 = 2_208_988_800;
    const wrap = Math.ceil(secondsTo1970 / 2 ** 16) * 2 ** 16 - secondsTo1970;
    const viewer = new Watched({ start: wrap * 1000 - 500 });
    const lastReport = compactNtp(viewer.clock.now());
    await viewer.clock.advance(1000);
    expect(compactNtp(viewer.clock.now())).toBeLessThan(lastReport);
    viewer.tell(report(lastReport, 0));
    expect(viewer.received).toHaveBeenLastCalledWith({ fractionLost: 0, jitter: 0, roundTrip: 1000 });
  });

  test("requests a keyframe by PLI or FIR", () => {
    const viewer = new Watched();
    viewer.tell(pictureLoss());
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(1);
    viewer.tell(fullIntra());
    expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(2);
  });

  test("about another stream has no effect", () => {
    const viewer = new Watched();
    viewer.frame("key");
    const numbers = numbersOf(viewer.media());
    const other = RTX.ssrc;
    viewer.tell(nack(numbers, other), pictureLoss(other), fullIntra(other), report(1, 2, { ssrc: other }));
    expect(viewer.sent).toEqual([]);
    expect(viewer.keyframeNeeded).not.toHaveBeenCalled();
    expect(viewer.received).not.toHaveBeenCalled();
  });

  test("ends the session with a goodbye", () => {
    const viewer = new Watched();
    viewer.tell(bye());
    expect(viewer.left).toHaveBeenCalledTimes(1);
  });

  test("after its goodbye is ignored once the session is closed", () => {
    const viewer = new Watched();
    viewer.left.mockImplementation(() => viewer.session.close());
    viewer.frame("key");
    const numbers = numbersOf(viewer.media());
    viewer.tell(bye(), nack(numbers), pictureLoss(), bye());
    expect(viewer.left).toHaveBeenCalledTimes(1);
    expect(viewer.keyframeNeeded).not.toHaveBeenCalled();
    expect(viewer.sent).toEqual([]);
  });

  test.each(PROFILES)(
    "counts as refused if it is forged, changed, truncated or replayed (%s)",
    (profile, number) => {
      const viewer = new Watched({ profile, number });
      const genuine = viewer.sealed(pictureLoss());
      const changed = Buffer.from(genuine);
      changed.writeUInt8(changed.readUInt8(12) ^ 1, 12);
      const forged = [
        Buffer.alloc(0),
        Buffer.alloc(1, 0x80),
        Buffer.alloc(100, 0x80),
        changed,
        genuine.subarray(0, -1),
      ];
      for (const sealed of forged) viewer.session.receive(sealed);
      expect(viewer.keyframeNeeded).not.toHaveBeenCalled();
      expect(viewer.counters.refusedRtcp).toBe(forged.length);
      for (let copy = 0; copy < 3; copy++) viewer.session.receive(genuine);
      expect(viewer.keyframeNeeded).toHaveBeenCalledTimes(1);
      expect(viewer.counters.refusedRtcp).toBe(forged.length + 2);
    },
  );
});

describe("closing", () => {
  test("sends a goodbye and frees the keys", () => {
    const viewer = new Watched();
    viewer.frame("key");
    viewer.control.length = 0;
    viewer.session.close();
    expect(viewer.control).toHaveLength(1);
    const [sealed = Buffer.alloc(0)] = viewer.control;
    // RFC 3550, section 6.6, after an empty report and the name.
    expect(viewer.open(sealed).subarray(-8).toString("hex")).toBe("81cb0001aaaa0001");
    expect(viewer.sealersClosed).toBe(1);
    expect(viewer.clock.timers).toBe(0);
  });

  test("happens once, and nothing is sent afterwards", async () => {
    const viewer = new Watched();
    viewer.frame("key");
    const numbers = numbersOf(viewer.media());
    viewer.session.close();
    viewer.control.length = 0;
    viewer.session.close();
    viewer.frame("key");
    viewer.tell(nack(numbers), pictureLoss(), bye());
    await viewer.clock.advance(5000);
    expect([...viewer.sent, ...viewer.control]).toEqual([]);
    expect(viewer.keyframeNeeded).not.toHaveBeenCalled();
    expect(viewer.left).not.toHaveBeenCalled();
    expect(viewer.sealersClosed).toBe(1);
  });

  test("without a route still frees the keys", () => {
    const viewer = new Watched();
    viewer.route = undefined;
    viewer.session.close();
    expect(viewer.sealersClosed).toBe(1);
  });
});
