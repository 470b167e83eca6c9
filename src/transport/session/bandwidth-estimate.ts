/**
 * Bandwidth estimation for one viewer by transport-wide feedback. Packets sent back to back form a packet train. The narrowest
 * link spreads them, and their dispersion gives its capacity (Dovrolis, Ramanathan and Moore, "Packet-dispersion techniques
 * and a capacity-estimation methodology", 2004).
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { type Arrival, FEEDBACK_INTERVAL } from "../rtp/arrivals.ts";

/** The state of the network to one viewer. */
export interface NetworkState {
  /**
   * Lower bound of the queueing delay. It is the larger of two: growth of the one-way delay, and the time by which feedback
   * on the packets in flight is late.
   */
  readonly queue: Millis;
  /** Share of the last second's packets that were lost, 0 to 1. */
  readonly lost: number;
  /** Size of that sample. */
  readonly packets: number;
  /** Capacity of the narrowest link in bits per second, by the recent trains; undefined if there are too few. */
  readonly capacity: number | undefined;
  /** The same by the last two or three trains. */
  readonly capacityNow: number | undefined;
  /** Bits per second that arrived in the last half second. */
  readonly arrived: number;
}

/** Sent packets to remember: more than a second's at the highest bitrate. */
const HISTORY_PACKETS = 2048;

/** Bytes that a packet has besides RTP header and payload: SRTP tag, UDP header, IPv4 header. */
const PACKET_OVERHEAD_BYTES = 16 + 8 + 20;

/** Longest pause between packets of one train. The pacer keeps below it. */
const MAX_TRAIN_GAP: Millis = 6;
const MAX_TRAIN_DURATION: Millis = 100;

/** Bytes after the first packet. Shorter trains are too inaccurate. */
const MIN_TRAIN_BYTES = 1000;

/** A train that is spread this much counts before it ends: jitter alone is shorter. */
const LONG_DISPERSION: Millis = 80;

/** Resolution of the arrival times. */
const MIN_DISPERSION: Millis = 0.25;

/** A train that arrives as fast as it was sent, within this tolerance, gives only a lower bound of the capacity. */
const DISPERSION_TOLERANCE: Millis = 1;

/** Trains that the capacity is the median of. */
const MIN_TRAINS = 3;
const MAX_TRAINS = 7;
const MAX_TRAIN_AGE: Millis = 5000;

/** Window for the minimum one-way delay. It is longer than a frame, so it excludes the queue of a single frame. */
const STANDING_QUEUE_WINDOW: Millis = 120;

const LOSS_WINDOW: Millis = 1000;
const ARRIVED_WINDOW: Millis = 500;

/** A {@link RecentMinimum} covers between one and two of these. */
const MINIMUM_WINDOW: Millis = 10_000;

/** Browsers send fewer feedback messages. More are ignored. */
const MAX_FEEDBACK_PER_SECOND = 50;

/** Receiver clock steps above this mean that the clock restarted, or that the receiver changed. */
const MAX_CLOCK_STEP: Millis = 3_600_000;

/** Packets sent back to back. */
interface Train {
  readonly firstSent: EpochMs;
  lastSent: EpochMs;
  readonly firstAt: Millis;
  lastAt: Millis;
  /** Bytes after the first packet. */
  bytes: number;
}

/** The minimum of recent times. */
class RecentMinimum {
  #before = Number.POSITIVE_INFINITY;
  #now = Number.POSITIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  get value(): Millis {
    return Math.min(this.#before, this.#now);
  }

  add(time: Millis, now: EpochMs): void {
    if (now - this.#since > MINIMUM_WINDOW) {
      this.#before = this.#now;
      this.#now = time;
      this.#since = now;
    } else this.#now = Math.min(this.#now, time);
  }
}

/** Measures the network to one viewer. */
export class BandwidthEstimate {
  readonly #clock: Clock;
  readonly #sentAt = new Float64Array(HISTORY_PACKETS);
  readonly #bytes = new Uint16Array(HISTORY_PACKETS);
  #next = 0;
  #train: Train | undefined;
  readonly #trains: { readonly rate: number; readonly at: EpochMs }[] = [];
  /** One-way delays of recent packets, each with the unknown offset between the two clocks. */
  readonly #delays: { readonly sentAt: EpochMs; readonly delay: Millis }[] = [];
  /** Minimum one-way delay, with that offset; and the minimum time from sending a packet to its feedback. */
  #oneWayDelay = new RecentMinimum();
  readonly #feedbackDelay = new RecentMinimum();
  /** When the last feedback came. */
  #heardAt: EpochMs | undefined;
  #secondStart: number = Number.NEGATIVE_INFINITY;
  #feedbackInSecond = 0;
  #receivedUpTo = -1;
  readonly #counts: { readonly at: EpochMs; readonly received: number; readonly lost: number }[] = [];
  readonly #arrived: { readonly at: Millis; readonly bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Counter of the newest packet that is known to have arrived, not reduced to 16 bits; -1 for none. */
  get receivedUpTo(): number {
    return this.#receivedUpTo;
  }

  /** Time without feedback although packets are in flight; 0 before the first feedback. */
  get silence(): Millis {
    const oldest = this.#receivedUpTo + 1;
    if (this.#heardAt === undefined || oldest >= this.#next || oldest <= this.#next - HISTORY_PACKETS)
      return 0;
    return this.#clock.now() - Math.max(this.#heardAt, this.#sentAt[oldest % HISTORY_PACKETS] as EpochMs);
  }

  /** Bytes sent since the newest packet that is known to have arrived. Takes time for each of those packets. */
  get bytesInFlight(): number {
    let bytes = 0;
    const oldest = Math.max(this.#receivedUpTo + 1, this.#next - HISTORY_PACKETS);
    for (let index = oldest; index < this.#next; index++) bytes += this.#bytes[index % HISTORY_PACKETS] ?? 0;
    return bytes;
  }

  /** Counter of the next packet, not reduced to 16 bits. */
  get next(): number {
    return this.#next;
  }

  /**
   * Records a packet that is sent now.
   * @param bytes of RTP header and payload.
   * @returns its counter; the header extension carries the lower 16 bits.
   */
  sent(bytes: number): number {
    const counter = this.#next++;
    this.#sentAt[counter % HISTORY_PACKETS] = this.#clock.now();
    this.#bytes[counter % HISTORY_PACKETS] = bytes + PACKET_OVERHEAD_BYTES;
    return counter;
  }

  /**
   * Takes a feedback message.
   * @returns undefined if it covers no packet that was sent, or exceeds {@link MAX_FEEDBACK_PER_SECOND}.
   */
  feedback(arrivals: readonly Arrival[]): NetworkState | undefined {
    const now = this.#clock.now();
    if (now - this.#secondStart >= 1000) {
      this.#secondStart = now;
      this.#feedbackInSecond = 0;
    }
    if (++this.#feedbackInSecond > MAX_FEEDBACK_PER_SECOND) return undefined;
    let [received, lost] = [0, 0];
    for (const { counter, at } of arrivals) {
      const index = this.#next - 1 - ((((this.#next - 1 - counter) % 2 ** 16) + 2 ** 16) % 2 ** 16);
      if (index < 0 || this.#next - index > HISTORY_PACKETS) continue;
      const slot = index % HISTORY_PACKETS;
      const sentAt = this.#sentAt[slot] as EpochMs;
      // Reported before.
      if (Number.isNaN(sentAt)) continue;
      if (at === undefined) {
        lost++;
        continue;
      }
      received++;
      if (index > this.#receivedUpTo) this.#feedbackDelay.add(now - sentAt, now);
      this.#receivedUpTo = Math.max(this.#receivedUpTo, index);
      this.#add(sentAt, at, this.#bytes[slot] ?? 0);
      this.#sentAt[slot] = Number.NaN;
    }
    if (received + lost === 0) return undefined;
    this.#heardAt = now;
    this.#counts.push({ at: now, received, lost });
    while (this.#counts.length > MAX_FEEDBACK_PER_SECOND || now - (this.#counts[0]?.at ?? now) > LOSS_WINDOW)
      this.#counts.shift();
    return this.#state(now);
  }

  #add(sentAt: EpochMs, at: Millis, bytes: number): void {
    const last = this.#arrived.at(-1)?.at ?? at;
    if (Math.abs(at - last) > MAX_CLOCK_STEP) this.#reset();
    const latest = Math.max(at, last);
    this.#arrived.push({ at: latest, bytes });
    // The count bounds the memory even if a receiver reports the same time forever.
    while (
      this.#arrived.length > HISTORY_PACKETS ||
      latest - (this.#arrived[0]?.at ?? latest) > ARRIVED_WINDOW
    )
      this.#arrived.shift();

    const delay = at - sentAt;
    this.#oneWayDelay.add(delay, sentAt);
    this.#delays.push({ sentAt, delay });
    while (sentAt - (this.#delays[0]?.sentAt ?? sentAt) > STANDING_QUEUE_WINDOW) this.#delays.shift();

    const train = this.#train;
    const follows =
      train && sentAt - train.lastSent <= MAX_TRAIN_GAP && sentAt - train.firstSent <= MAX_TRAIN_DURATION;
    if (follows) {
      train.bytes += bytes;
      train.lastSent = sentAt;
      train.lastAt = Math.max(train.lastAt, at);
      return;
    }
    const rate = train && this.#rateOf(train);
    if (rate !== undefined) this.#trains.push({ rate, at: this.#clock.now() });
    if (this.#trains.length > MAX_TRAINS) this.#trains.shift();
    this.#train = { firstSent: sentAt, lastSent: sentAt, firstAt: at, lastAt: at, bytes: 0 };
  }

  /** Capacity in bits per second; undefined if the train shows nothing new. */
  #rateOf({ firstSent, lastSent, firstAt, lastAt, bytes }: Train): number | undefined {
    if (bytes < MIN_TRAIN_BYTES) return undefined;
    const span = Math.max(MIN_DISPERSION, lastAt - firstAt);
    const rate = (bytes * 8000) / span;
    const sentSpan = lastSent - firstSent;
    if (sentSpan > DISPERSION_TOLERANCE && span <= sentSpan + DISPERSION_TOLERANCE) {
      const known = median(this.#trains.map((train) => train.rate));
      if (known !== undefined && known > rate) return undefined;
    }
    return rate;
  }

  #state(now: EpochMs): NetworkState {
    while (this.#trains[0] && now - this.#trains[0].at > MAX_TRAIN_AGE) this.#trains.shift();
    const rates = this.#trains.map(({ rate }) => rate);
    const current = this.#train && this.#rateOf(this.#train);
    const recent = [...rates, ...(current === undefined ? [] : [current])].slice(-MIN_TRAINS);
    const sum = { received: 0, lost: 0 };
    for (const { received, lost } of this.#counts) {
      sum.received += received;
      sum.lost += lost;
    }
    const packets = sum.received + sum.lost;
    const minDelay = Math.min(...this.#delays.map(({ delay }) => delay));
    const standing = this.#delays.length === 0 ? 0 : minDelay - this.#oneWayDelay.value;
    let capacityNow = median(recent);
    // Jitter does not spread a train this much: the link has become narrow, even if the train has not ended.
    if (this.#train && current !== undefined && this.#train.lastAt - this.#train.firstAt > LONG_DISPERSION)
      capacityNow = Math.min(capacityNow ?? current, current);
    const bytes = this.#arrived.reduce((all, one) => all + one.bytes, 0);
    return {
      queue: Math.max(0, standing, capacityNow === undefined ? 0 : this.#backlogDelay(capacityNow)),
      lost: packets === 0 ? 0 : sum.lost / packets,
      packets,
      capacity: rates.length < MIN_TRAINS ? undefined : median(rates),
      capacityNow,
      arrived: (bytes * 8000) / ARRIVED_WINDOW,
    };
  }

  /** How late the feedback on all packets in flight is: their transmission time, less the delay without a queue. */
  #backlogDelay(capacity: number): Millis {
    return (this.bytesInFlight * 8000) / capacity - this.#feedbackDelay.value - FEEDBACK_INTERVAL;
  }

  #reset(): void {
    this.#train = undefined;
    this.#arrived.length = 0;
    this.#delays.length = 0;
    this.#oneWayDelay = new RecentMinimum();
  }
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
