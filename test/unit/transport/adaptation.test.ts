/** A viewer's session over simulated networks with delay, loss and bottlenecks, and with the feedback that browsers send. */
import { describe, expect, test } from "vitest";
import { GenericNack, RecvDelta, RunLengthChunk, TransportWideCC } from "werift";
import { Link, type Path, seeded } from "../../../bench/network/link.ts";
import type { EpochMs } from "../../../src/base/clock.ts";
import { LADDER, rungOf } from "../../../src/shared/ladder.ts";
import { PacketHistory } from "../../../src/transport/packets/history.ts";
import { deriveKeys, type MasterKey, SrtcpSealer } from "../../../src/transport/rtp/srtp.ts";
import { MediaSession } from "../../../src/transport/session/media-session.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const BITRATE = 3_400_000;
const FPS = 20;
const PAYLOAD = 1180;
/** The size of a keyframe, in delta frames. */
const KEYFRAME = 5;
const TELLS_EVERY = 60;
const COUNTER = 5;
const [MEDIA, RTX] = [1, 2];
/** The bytes of an RTP header with the transport-wide counter. */
const HEADER = 20;
const KEY: MasterKey = { profile: "AEAD_AES_128_GCM", key: Buffer.alloc(16, 1), salt: Buffer.alloc(12, 2) };

/** Start and end of an outage, in which no packet arrives. */
type Gap = readonly [number, number];

class Watched {
  readonly clock = new FakeClock();
  readonly levels: { readonly level: number; readonly after: number }[] = [];
  /** When the last packet of each complete frame arrived. */
  readonly shown: { readonly captured: number; readonly at: number }[] = [];
  readonly #link: Link;
  readonly #back: { readonly packet: Buffer; readonly at: number }[] = [];
  readonly #histories = LADDER.map(() => new PacketHistory(this.clock));
  readonly #next = LADDER.map(() => 0);
  readonly #session: MediaSession;
  readonly #sealer = new SrtcpSealer(deriveKeys(KEY).rtcp);
  readonly #started: EpochMs = this.clock.now();
  readonly #frames = new Map<number, { readonly captured: number; missing: number }>();
  readonly #path: Path;
  readonly #gap: Gap;
  /** The numbers of missing media packets, and since when. */
  readonly #missing = new Map<number, number>();
  #highest: number | undefined;
  #arrived: { readonly counter: number; readonly at: number }[] = [];
  #has = 0;
  #keyframeFor: number | undefined = 0;
  #frame = 0;

  readonly #bitrate: number;
  #isStill = false;

  constructor(path: Path, { gap = [0, 0] as Gap, seed = 1, adapts = true, bitrate = BITRATE } = {}) {
    this.#path = path;
    this.#gap = gap;
    this.#bitrate = bitrate;
    this.#link = new Link(path, seeded(seed));
    this.#link.begin(this.clock.now());
    this.#session = new MediaSession({
      clock: this.clock,
      everySecond: (act) => this.clock.every(1000, act),
      parameters: {
        media: { ssrc: MEDIA, payloadType: 96 },
        rtx: { ssrc: RTX, payloadType: 97 },
        extensions: [{ id: COUNTER, data: "counter" }],
        cname: "a name",
      },
      keys: { local: KEY, remote: KEY },
      sealerOf: () => ({ seal: (header, payload) => Buffer.concat([header, payload]), close: () => {} }),
      route: () => ({
        address: { ip: "192.0.2.7", port: 40_000 },
        protocol: "udp",
        send: () => {},
        sendMedia: (sealer, header, payload, index) => this.#sent(sealer.seal(header, payload, index)),
      }),
      keyframeNeeded: () => {
        if (!adapts) this.#keyframeFor = 0;
      },
      received: () => {},
      wants: adapts
        ? (level) => {
            this.#keyframeFor = level;
            this.levels.push({ level, after: this.clock.now() - this.#started });
          }
        : undefined,
      left: () => {},
      counters: { packets: 0, repairs: 0, refusedRtcp: 0, refusedSctp: 0 },
    });
  }

  get level(): number {
    return this.levels.at(-1)?.level ?? 0;
  }

  /** Lets this many seconds pass. */
  watch(seconds: number): this {
    for (let n = 0; n < seconds * 500; n++) {
      if (n % (500 / FPS) === 0) this.#render();
      if (n % (TELLS_EVERY / 2) === 0) this.#tell();
      this.clock.pass(2);
      this.#deliver();
    }
    return this;
  }

  /** Makes the scene still: from now on there are few and tiny frames. */
  stand(): this {
    this.#isStill = true;
    return this;
  }

  /** The longest time without a frame, from this many milliseconds after the start. */
  longestPause(from = 0): number {
    const times = this.shown.map(({ at }) => at - this.#started).filter((at) => at >= from);
    const end = this.clock.now() - this.#started;
    return Math.max(...[...times, end].map((at, n) => at - (n === 0 ? from : (times[n - 1] ?? from))));
  }

  /** The median latency of the frames captured from then on. */
  medianLatency(from = 0): number {
    const late = this.shown
      .filter(({ captured }) => captured - this.#started >= from)
      .map(({ captured, at }) => at - captured)
      .sort((a, b) => a - b);
    return late[late.length >> 1] ?? Number.NaN;
  }

  #render(): void {
    const wants = this.#keyframeFor;
    const type = wants === undefined ? "delta" : "key";
    this.#keyframeFor = undefined;
    this.#has = wants ?? this.#has;
    const { share, every } = rungOf(this.#has);
    const beats = this.#isStill ? FPS / 2 : every;
    if (this.#frame++ % beats !== 0 && type === "delta") return;
    const usual = ((this.#bitrate * share) / FPS) * every;
    const bits = type === "key" ? KEYFRAME * usual : this.#isStill ? 800 : usual;
    const count = Math.max(1, Math.round(bits / 8 / PAYLOAD));
    const timestamp = (this.#frame * 4500) % 2 ** 32;
    const first = this.#next[this.#has] ?? 0;
    this.#next[this.#has] = first + count;
    const packets = Array.from({ length: count }, (_, n) => ({
      index: first + n,
      timestamp,
      marker: n === count - 1,
      payload: Buffer.alloc(Math.round(Math.min(PAYLOAD, bits / 8))),
    }));
    const captured = this.clock.now();
    const about = {
      codec: "vp8",
      level: this.#has,
      bitrate: this.#bitrate * share,
      width: 2,
      height: 2,
    } as const;
    const timings = { captured, received: captured };
    const encoded = {
      ...about,
      number: 1,
      rtpTimestamp: timestamp,
      type,
      timings,
      data: Buffer.alloc(0),
    } as const;
    const history = this.#histories[this.#has] as PacketHistory;
    this.#frames.set(timestamp, { captured, missing: count });
    this.#session.send(history.add(encoded, packets));
  }

  #sent(packet: Buffer): void {
    this.#link.push(packet, this.clock.now());
  }

  #deliver(): void {
    const now = this.clock.now();
    const [from, to] = this.#gap;
    const isCut = now - this.#started >= from && now - this.#started < to;
    for (let packet = this.#link.pop(now); packet; packet = this.#link.pop(now)) {
      if (isCut) continue;
      this.#arrived.push({ counter: packet.readUInt16BE(17), at: now });
      this.#notice(packet, now);
      const frame = this.#frames.get(packet.readUInt32BE(4));
      if (frame && --frame.missing === 0) this.shown.push({ captured: frame.captured, at: now });
    }
    while (this.#back[0] && this.#back[0].at <= now) {
      const first = this.#back.shift();
      if (first && !isCut) this.#session.receive(first.packet);
    }
  }

  #notice(packet: Buffer, now: number): void {
    if (packet.readUInt32BE(8) === RTX) this.#missing.delete(packet.readUInt16BE(HEADER));
    else {
      const number = packet.readUInt16BE(2);
      for (let lost = (this.#highest ?? number) + 1; lost < number; lost++) this.#missing.set(lost, now);
      this.#highest = number;
    }
  }

  /** Requests all missing packets in one NACK, as browsers do. */
  #nack(): void {
    const now = this.clock.now();
    for (const [number, since] of this.#missing) if (now - since > 1000) this.#missing.delete(number);
    const lost = [...this.#missing.keys()];
    if (lost.length > 0)
      this.#answer(new GenericNack({ senderSsrc: 3, mediaSourceSsrc: MEDIA, lost }).serialize());
  }

  #answer(packet: Buffer): void {
    this.#back.push({ packet: this.#sealer.seal(packet), at: this.clock.now() + this.#path.delay });
  }

  #tell(): void {
    this.#nack();
    const arrived = this.#arrived.sort((a, b) => a.counter - b.counter);
    this.#arrived = [];
    const [first, last] = [arrived[0], arrived.at(-1)];
    if (!first || !last) return;
    const count = last.counter - first.counter + 1;
    const reference = Math.floor(first.at / 64);
    let time = reference * 64;
    const at = new Map(arrived.map((one) => [one.counter, one.at]));
    const deltas: RecvDelta[] = [];
    const chunks = Array.from({ length: count }, (_, n) => {
      const came = at.get(first.counter + n);
      if (came === undefined) return new RunLengthChunk({ packetStatus: 0, runLength: 1 });
      deltas.push(new RecvDelta({ delta: (came - time) * 1000, type: 2 }));
      time = came;
      return new RunLengthChunk({ packetStatus: 2, runLength: 1 });
    });
    const packet = new TransportWideCC({
      senderSsrc: 3,
      mediaSourceSsrc: MEDIA,
      baseSequenceNumber: first.counter,
      packetStatusCount: count,
      referenceTime: reference % 2 ** 23,
      fbPktCount: 0,
      packetChunks: chunks,
      recvDeltas: deltas,
    }).serialize();
    this.#answer(packet);
  }
}

const bytesIn = (milliseconds: number, rate: number) => (milliseconds * rate) / 8000;
const narrow = (rate: number, queue = 100): Path => ({
  delay: 10,
  rates: [{ from: 0, rate }],
  queue: bytesIn(queue, rate),
});

describe("a viewer receives the rendition that its network carries", () => {
  test.each<[string, Path]>([
    ["a LAN", { delay: 0.2 }],
    ["Wi-Fi that loses bursts", { delay: 2, jitter: 1, loss: 0.005, burst: 4 }],
    ["4G", { delay: 25, jitter: 10, loss: 0.01 }],
    ["a network that loses one packet in twenty", { delay: 25, loss: 0.05 }],
    ["the other side of the world", { delay: 200, jitter: 5 }],
    ["a link with some room", narrow(6_000_000)],
  ])("which is the full one over %s", (_, path) => {
    expect(new Watched(path).watch(30).levels).toEqual([]);
  });

  test.each([
    [2_500_000, 1],
    [1_000_000, 3],
    [600_000, 3],
    [350_000, 4],
  ])("at %i bits per second, within seconds and permanently", (rate, level) => {
    const watched = new Watched(narrow(rate)).watch(40);
    expect(watched.level).toBe(level);
    // A wrong first estimate is corrected soon, and no impossible level is tried.
    expect(watched.levels.at(-1)?.after).toBeLessThan(6000);
    expect(watched.longestPause(1000)).toBeLessThan(300);
    expect(watched.medianLatency(2000)).toBeLessThan(120);
  });

  test("even if the queue holds a second", () => {
    const watched = new Watched(narrow(1_000_000, 1000)).watch(30);
    expect(watched.level).toBe(3);
    expect(watched.medianLatency(3000)).toBeLessThan(120);
  });

  test("which is a lower one while the network carries less, and a higher one when it recovers", () => {
    const rates = [5_000_000, 500_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new Watched({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }).watch(10);
    expect(watched.level).toBe(0);
    watched.watch(10);
    expect(watched.level).toBeGreaterThan(2);
    const live = watched.shown.filter(({ captured, at }) => at - captured < 500);
    const begin = 1_000_000 + 10_000;
    const again = live.find(({ at }) => at > begin + 1000)?.at ?? Number.POSITIVE_INFINITY;
    expect(again - begin).toBeLessThan(2000);
    watched.watch(30);
    expect(watched.level).toBe(0);
    expect(watched.levels.length).toBeLessThan(8);
  });

  test("of a small picture too, with frames of one packet at the lowest level", () => {
    const rates = [5_000_000, 150_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new Watched({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }, { bitrate: 1_000_000 });
    watched.watch(20);
    expect(watched.level).toBeGreaterThan(2);
    watched.watch(8);
    expect(watched.level).toBe(0);
  });

  test("which is the full one for a still scene once there is room", () => {
    const rates = [5_000_000, 500_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new Watched({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }).watch(15);
    expect(watched.level).toBeGreaterThan(2);
    watched.stand().watch(20);
    expect(watched.level).toBe(0);
  });

  test.each([
    [150_000, 1_000_000],
    [250_000, 1_200_000],
    [500_000, BITRATE],
  ])("permanently at %i bits per second, with a moving or still scene", (rate, bitrate) => {
    const watched = new Watched(narrow(rate, 200), { bitrate }).watch(60);
    const before = watched.levels.length;
    expect(before).toBeLessThan(4);
    expect(watched.longestPause(5000)).toBeLessThan(300);
    watched.stand().watch(60);
    expect(watched.levels.length).toBe(before);
    expect(watched.medianLatency(20_000)).toBeLessThan(120);
  });

  test("after a queue that overflowed, as soon as it has drained", () => {
    const rates = [20_000_000, 500_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new Watched({ delay: 10, rates, queue: bytesIn(320, 500_000) }).watch(20);
    expect(watched.longestPause()).toBeLessThan(1000);
  });

  test("which is the same one after an outage of ten seconds", () => {
    const watched = new Watched({ delay: 5 }, { gap: [5000, 15_000] }).watch(20);
    expect(watched.shown.find(({ at }) => at - 1_000_000 > 15_000)?.at).toBeLessThan(1_000_000 + 15_500);
    expect(watched.watch(10).level).toBe(0);
  });
});

describe("a server that receives a single rendition", () => {
  test("receives part of it on a slow link, and all of it once there is room", () => {
    const rates = [5_000_000, 1_500_000, 6_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new Watched({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }, { adapts: false });
    watched.watch(20);
    const narrowed = watched.shown.filter(({ at }) => at > 1_000_000 + 12_000).length;
    expect(narrowed).toBeGreaterThan(0);
    watched.watch(20);
    expect(watched.longestPause(25_000)).toBeLessThan(500);
    expect(watched.medianLatency(25_000)).toBeLessThan(120);
  });
});
