/** A viewer behind a simulated network: a real media session, and the feedback that a browser would send to it. */
import { GenericNack, RecvDelta, RunLengthChunk, TransportWideCC } from "werift";
import type { Path } from "../../bench/network/link.ts";
import { bitrateAt, LADDER, rungOf } from "../../src/shared/ladder.ts";
import { PacketHistory } from "../../src/transport/packets/history.ts";
import { deriveKeys, type MasterKey, SrtcpSealer } from "../../src/transport/rtp/srtp.ts";
import { MediaSession } from "../../src/transport/session/media-session.ts";
import { type Participant, SimulatedNetwork, STEP } from "./simulated-network.ts";

const FPS = 20;
const PAYLOAD_BYTES = 1180;
/** Size of a keyframe, in delta frames. */
const KEYFRAME_SIZE = 5;
/** Steps between two feedback messages, and between two frames of the source. */
const FEEDBACK_STEPS = 30;
const FRAME_STEPS = 1000 / FPS / STEP;
const COUNTER_ID = 5;
const [MEDIA, RTX] = [1, 2];
/** Bytes of the RTP header with the counter. */
const HEADER_BYTES = 20;
const KEY: MasterKey = { profile: "AEAD_AES_128_GCM", key: Buffer.alloc(16, 1), salt: Buffer.alloc(12, 2) };

/** How a {@link SimulatedViewer} differs from the usual one. */
export interface ViewerTraits {
  /** Start and end of a time in which nothing arrives, in either direction. */
  readonly gap?: readonly [number, number];
  /** Whether it can be sent another rendition. */
  readonly adapts?: boolean;
  /** Bits per second of the full rendition. */
  readonly bitrate?: number;
  /** Additional delay of feedback that is sent after so many milliseconds; undefined: it is lost. */
  readonly feedback?: (elapsed: number) => number | undefined;
}

/** One viewer with a stream of its own. */
export class SimulatedViewer implements Participant {
  /** The levels that congestion control requested, and when. */
  readonly levels: { readonly level: number; readonly after: number }[] = [];
  /** Whole frames in the order of their arrival. */
  readonly shown: { readonly captured: number; readonly at: number }[] = [];
  /** Bytes sent to it, and keyframes requested for it beside those of new levels. */
  sentBytes = 0;
  keyframeRequests = 0;
  readonly network: SimulatedNetwork;
  readonly #traits: Required<ViewerTraits>;
  readonly #returning: { readonly packet: Buffer; readonly at: number }[] = [];
  readonly #histories: PacketHistory[];
  readonly #next = LADDER.map(() => 0);
  readonly #session: MediaSession;
  readonly #sealer = new SrtcpSealer(deriveKeys(KEY).rtcp);
  readonly #frames = new Map<number, { readonly captured: number; missing: number }>();
  /** Sequence numbers of media packets that are missing, and since when. */
  readonly #missing = new Map<number, number>();
  #highest: number | undefined;
  #arrived: { readonly counter: number; readonly at: number }[] = [];
  #reportedUpTo: number | undefined;
  #receives = 0;
  #keyframeOf: number | undefined = 0;
  #frame = 0;
  #step = 0;
  #isStill = false;

  constructor(network: SimulatedNetwork | Path, traits: ViewerTraits = {}) {
    this.network = network instanceof SimulatedNetwork ? network : new SimulatedNetwork(network);
    this.#traits = { gap: [0, 0], adapts: true, bitrate: 3_400_000, feedback: () => 0, ...traits };
    const { clock } = this.network;
    this.#histories = LADDER.map(() => new PacketHistory(clock));
    this.#session = new MediaSession({
      clock,
      everySecond: (act) => clock.every(1000, act),
      parameters: {
        media: { ssrc: MEDIA, payloadType: 96 },
        rtx: { ssrc: RTX, payloadType: 97 },
        extensions: [{ id: COUNTER_ID, data: "counter" }],
        cname: "a name",
      },
      keys: { local: KEY, remote: KEY },
      sealerOf: () => ({ seal: (header, payload) => Buffer.concat([header, payload]), close: () => {} }),
      route: () => ({
        address: { ip: "192.0.2.7", port: 40_000 },
        protocol: "udp",
        send: () => {},
        sendMedia: (sealer, header, payload, index) => this.#send(sealer.seal(header, payload, index)),
      }),
      keyframeNeeded: () => {
        this.keyframeRequests++;
        this.#keyframeOf ??= this.#receives;
      },
      received: () => {},
      wants: this.#traits.adapts
        ? (level) => {
            this.#keyframeOf = level;
            this.levels.push({ level, after: this.network.elapsed });
          }
        : undefined,
      left: () => {},
      counters: { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 },
    });
    this.network.join(this);
  }

  /** The level that was requested last. */
  get level(): number {
    return this.levels.at(-1)?.level ?? 0;
  }

  /** Lets time pass for the whole network. */
  watch(seconds: number): this {
    this.network.pass(seconds);
    return this;
  }

  /** From now on the scene stands still: the source repeats it now and then in a small frame. */
  stand(): this {
    this.#isStill = true;
    return this;
  }

  /** The longest time without a frame, in milliseconds, from so many after the start. */
  longestPause(from = 0): number {
    const times = this.shown.map(({ at }) => at - this.network.started).filter((at) => at >= from);
    const ends = [...times, this.network.elapsed];
    return Math.max(...ends.map((at, n) => at - (ends[n - 1] ?? from)));
  }

  /** Latency in milliseconds that the given share of the frames stay below, of those captured from then on. */
  latency(from = 0, share = 0.5): number {
    const late = this.shown
      .filter(({ captured }) => captured - this.network.started >= from)
      .map(({ captured, at }) => at - captured)
      .sort((a, b) => a - b);
    return late[Math.floor(share * late.length)] ?? Number.NaN;
  }

  pass(): void {
    while (this.#returning[0] && this.#returning[0].at <= this.network.clock.now()) {
      const first = this.#returning.shift();
      if (first && !this.#isCut()) this.#session.receive(first.packet);
    }
    if (this.#step % FRAME_STEPS === 0) this.#render();
    if (this.#step++ % FEEDBACK_STEPS === 0) this.#sendFeedback();
  }

  #isCut(): boolean {
    const [from, to] = this.#traits.gap;
    return this.network.elapsed >= from && this.network.elapsed < to;
  }

  #render(): void {
    const requested = this.#keyframeOf;
    const type = requested === undefined ? "delta" : "key";
    this.#keyframeOf = undefined;
    this.#receives = requested ?? this.#receives;
    const level = this.#receives;
    const { bitrate: fullBitrate } = this.#traits;
    const every = this.#isStill ? FPS / 2 : rungOf(level).every;
    if (this.#frame++ % every !== 0 && type === "delta") return;
    const usual = (bitrateAt(level, fullBitrate) / FPS) * rungOf(level).every;
    const bits = type === "key" ? KEYFRAME_SIZE * usual : this.#isStill ? 800 : usual;
    const count = Math.max(1, Math.round(bits / 8 / PAYLOAD_BYTES));
    const timestamp = (this.#frame * 4500) % 2 ** 32;
    const first = this.#next[level] ?? 0;
    this.#next[level] = first + count;
    const packets = Array.from({ length: count }, (_, n) => ({
      index: first + n,
      timestamp,
      marker: n === count - 1,
      payload: Buffer.alloc(Math.round(Math.min(PAYLOAD_BYTES, bits / 8))),
    }));
    const captured = this.network.clock.now();
    const frame = {
      ...({ codec: "vp8", level, fullBitrate, width: 2, height: 2, number: 1, type } as const),
      ...{ rtpTimestamp: timestamp, timings: { captured, received: captured }, data: Buffer.alloc(0) },
    };
    this.#frames.set(timestamp, { captured, missing: count });
    this.#session.send((this.#histories[level] as PacketHistory).add(frame, packets));
  }

  #send(packet: Buffer): void {
    this.sentBytes += packet.length;
    this.network.send(packet, (arrived) => this.#receive(arrived));
  }

  #receive(packet: Buffer): void {
    if (this.#isCut()) return;
    const now = this.network.clock.now();
    this.#arrived.push({ counter: packet.readUInt16BE(17), at: now });
    this.#notice(packet, now);
    const frame = this.#frames.get(packet.readUInt32BE(4));
    if (frame && --frame.missing === 0) this.shown.push({ captured: frame.captured, at: now });
  }

  #notice(packet: Buffer, now: number): void {
    if (packet.readUInt32BE(8) === RTX) {
      this.#missing.delete(packet.readUInt16BE(HEADER_BYTES));
      return;
    }
    const number = packet.readUInt16BE(2);
    for (let lost = (this.#highest ?? number) + 1; lost < number; lost++) this.#missing.set(lost, now);
    this.#highest = number;
  }

  #answer(packet: Buffer): void {
    const extra = this.#traits.feedback(this.network.elapsed);
    if (extra === undefined) return;
    const at = this.network.clock.now() + this.network.link.delayAt(this.network.clock.now()) + extra;
    this.#returning.push({ packet: this.#sealer.seal(packet), at });
  }

  /** Asks for all that is missing in one packet, as browsers do. */
  #sendNack(): void {
    const now = this.network.clock.now();
    for (const [number, since] of this.#missing) if (now - since > 1000) this.#missing.delete(number);
    const lost = [...this.#missing.keys()];
    if (lost.length > 0)
      this.#answer(new GenericNack({ senderSsrc: 3, mediaSourceSsrc: MEDIA, lost }).serialize());
  }

  #sendFeedback(): void {
    this.#sendNack();
    const arrived = this.#arrived.sort((a, b) => a.counter - b.counter);
    this.#arrived = [];
    const [first, last] = [arrived[0], arrived.at(-1)];
    if (!first || !last) return;
    // Each message starts where the one before ended, so that it tells of losses in between.
    const base =
      this.#reportedUpTo === undefined ? first.counter : Math.min(first.counter, this.#reportedUpTo);
    this.#reportedUpTo = last.counter + 1;
    const count = last.counter - base + 1;
    const referenceTime = Math.floor(first.at / 64);
    let time = referenceTime * 64;
    const arrivals = new Map(arrived.map((one) => [one.counter, one.at]));
    const recvDeltas: RecvDelta[] = [];
    const packetChunks = Array.from({ length: count }, (_, n) => {
      const at = arrivals.get(base + n);
      if (at === undefined) return new RunLengthChunk({ packetStatus: 0, runLength: 1 });
      recvDeltas.push(new RecvDelta({ delta: (at - time) * 1000, type: 2 }));
      time = at;
      return new RunLengthChunk({ packetStatus: 2, runLength: 1 });
    });
    this.#answer(
      new TransportWideCC({
        senderSsrc: 3,
        mediaSourceSsrc: MEDIA,
        baseSequenceNumber: base,
        packetStatusCount: count,
        referenceTime: referenceTime % 2 ** 23,
        fbPktCount: 0,
        packetChunks,
        recvDeltas,
      }).serialize(),
    );
  }
}
