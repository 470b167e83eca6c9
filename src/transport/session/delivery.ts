/**
 * What the arrivals of one viewer's packets say of its network. Packets sent in a row are a train: the narrowest link on
 * their way pulls them apart, and by how much tells what it carries (Dovrolis, Ramanathan and Moore, "Packet-dispersion
 * techniques and a capacity-estimation methodology", 2004).
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Arrival } from "../rtp/arrivals.ts";

export interface NetworkState {
  /**
   * How long a packet that is sent now has to wait, at least: as long as the quickest packets of late took longer than
   * need be, or as long as what is under way takes longer than it should.
   */
  readonly queue: Millis;
  /** Of the packets of the last second, 0 to 1. */
  readonly lost: number;
  /** How many packets that is of. */
  readonly packets: number;
  /** Bits a second that the narrowest link carries, as the trains of some seconds say; undefined while they are few. */
  readonly capacity: number | undefined;
  /** As the last two or three trains say. */
  readonly capacityNow: number | undefined;
  /** Bits a second that came in the last half second. */
  readonly arrived: number;
}

/** Packets that are remembered: a second of more than anybody is sent. */
const REMEMBERED = 2048;

/** What a packet takes on the wire beside its RTP header and payload: SRTP's tag, UDP and IP. */
const OVERHEAD = 16 + 8 + 20;

/** Packets sent so closely after each other are one train; the pacer's are. */
const TRAIN_GAP: Millis = 6;
const LONGEST_TRAIN: Millis = 100;
/** Bytes behind the first packet, below which a train says too little. */
const SHORTEST_TRAIN = 1000;
const LONG_TRAIN: Millis = 80;
/** Arrivals are told in steps of a quarter. */
const SHORTEST_SPAN: Millis = 0.25;
/** A train that came no slower than it was sent says only that the link carries that much. */
const SLACK: Millis = 1;

const TRAINS = 7;
const FEW_TRAINS = 3;
const TRAINS_HOLD: Millis = 5000;

/** The quickest of the packets of so long have seen the queue that stands, and not their own frame's. */
const STANDS: Millis = 120;

const LOSS_WINDOW: Millis = 1000;
const ARRIVED_WINDOW: Millis = 500;

/** The shortest time is that of the last one to two of these. */
const SHORTEST_HOLDS: Millis = 10_000;

/** Browsers tell no less often, and in a second no oftener. */
const TOLD_EVERY: Millis = 100;
const MAX_TOLD = 50;

interface Train {
  readonly firstSent: EpochMs;
  lastSent: EpochMs;
  readonly firstAt: Millis;
  lastAt: Millis;
  /** Behind the first packet. */
  bytes: number;
}

/** The shortest time of late. */
class Shortest {
  #before = Number.POSITIVE_INFINITY;
  #now = Number.POSITIVE_INFINITY;
  #since = Number.NEGATIVE_INFINITY;

  get value(): Millis {
    return Math.min(this.#before, this.#now);
  }

  took(time: Millis, now: EpochMs): void {
    if (now - this.#since > SHORTEST_HOLDS) {
      this.#before = this.#now;
      this.#now = time;
      this.#since = now;
    } else this.#now = Math.min(this.#now, time);
  }
}

export class Delivery {
  readonly #clock: Clock;
  readonly #sentAt = new Float64Array(REMEMBERED);
  readonly #bytes = new Uint16Array(REMEMBERED);
  #next = 0;
  #train: Train | undefined;
  readonly #trains: { readonly rate: number; readonly at: EpochMs }[] = [];
  /** Of late: when they were sent, and how long they took on two clocks. */
  readonly #delays: { readonly sentAt: EpochMs; readonly delay: Millis }[] = [];
  /** From here to there, on two clocks; and until we are told. */
  #way = new Shortest();
  readonly #answer = new Shortest();
  #secondBegan: number = Number.NEGATIVE_INFINITY;
  #toldInSecond = 0;
  /** Of the newest packet that was told of. */
  #toldUpTo = -1;
  readonly #counts: { readonly at: EpochMs; readonly came: number; readonly lost: number }[] = [];
  readonly #arrived: { readonly at: Millis; readonly bytes: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The counter of the newest packet that is known to have come, without a limit of 16 bits. */
  get receivedUpTo(): number {
    return this.#toldUpTo;
  }

  /** The counter of the next packet. */
  get next(): number {
    return this.#next;
  }

  /**
   * Notes a packet that is sent now.
   * @param bytes of its RTP header and payload.
   * @returns the counter to send with it, of which 16 bits go out.
   */
  sent(bytes: number): number {
    const counter = this.#next++;
    this.#sentAt[counter % REMEMBERED] = this.#clock.now();
    this.#bytes[counter % REMEMBERED] = bytes + OVERHEAD;
    return counter;
  }

  /**
   * Takes what the receiver tells, and says what that means; undefined where it is of nothing that was sent, or comes
   * more often than any browser tells.
   */
  feedback(arrivals: readonly Arrival[]): NetworkState | undefined {
    const now = this.#clock.now();
    if (now - this.#secondBegan >= 1000) {
      this.#secondBegan = now;
      this.#toldInSecond = 0;
    }
    if (++this.#toldInSecond > MAX_TOLD) return undefined;
    let [came, lost] = [0, 0];
    for (const { counter, at } of arrivals) {
      const index = this.#next - 1 - ((((this.#next - 1 - counter) % 2 ** 16) + 2 ** 16) % 2 ** 16);
      if (index < 0 || this.#next - index > REMEMBERED) continue;
      const place = index % REMEMBERED;
      const sentAt = this.#sentAt[place] as EpochMs;
      // Told before.
      if (Number.isNaN(sentAt)) continue;
      if (at === undefined) {
        lost++;
        continue;
      }
      came++;
      if (index > this.#toldUpTo) this.#answer.took(now - sentAt, now);
      this.#toldUpTo = Math.max(this.#toldUpTo, index);
      this.#came(sentAt, at, this.#bytes[place] ?? 0);
      this.#sentAt[place] = Number.NaN;
    }
    if (came + lost === 0) return undefined;
    this.#counts.push({ at: now, came, lost });
    while (this.#counts.length > MAX_TOLD || now - (this.#counts[0]?.at ?? now) > LOSS_WINDOW)
      this.#counts.shift();
    return this.#state(now);
  }

  #came(sentAt: EpochMs, at: Millis, bytes: number): void {
    const last = this.#arrived.at(-1)?.at ?? at;
    // The receiver's clock has begun again, or it is another receiver's.
    if (Math.abs(at - last) > 3_600_000) this.#forget();
    const latest = Math.max(at, last);
    this.#arrived.push({ at: latest, bytes });
    // The times are the receiver's, which may tell the same one for ever.
    while (this.#arrived.length > REMEMBERED || latest - (this.#arrived[0]?.at ?? latest) > ARRIVED_WINDOW)
      this.#arrived.shift();

    const delay = at - sentAt;
    this.#way.took(delay, sentAt);
    this.#delays.push({ sentAt, delay });
    while (sentAt - (this.#delays[0]?.sentAt ?? sentAt) > STANDS) this.#delays.shift();

    const train = this.#train;
    const follows =
      train && sentAt - train.lastSent <= TRAIN_GAP && sentAt - train.firstSent <= LONGEST_TRAIN;
    if (follows) {
      train.bytes += bytes;
      train.lastSent = sentAt;
      train.lastAt = Math.max(train.lastAt, at);
      return;
    }
    const rate = train && this.#rateOf(train);
    if (rate !== undefined) this.#trains.push({ rate, at: this.#clock.now() });
    if (this.#trains.length > TRAINS) this.#trains.shift();
    this.#train = { firstSent: sentAt, lastSent: sentAt, firstAt: at, lastAt: at, bytes: 0 };
  }

  /** Bits a second; undefined where the train says nothing new. */
  #rateOf({ firstSent, lastSent, firstAt, lastAt, bytes }: Train): number | undefined {
    if (bytes < SHORTEST_TRAIN) return undefined;
    const span = Math.max(SHORTEST_SPAN, lastAt - firstAt);
    const rate = (bytes * 8000) / span;
    const asSent = lastSent - firstSent;
    if (asSent > SLACK && span <= asSent + SLACK) {
      const known = median(this.#trains.map((train) => train.rate));
      if (known !== undefined && known > rate) return undefined;
    }
    return rate;
  }

  #state(now: EpochMs): NetworkState {
    while (this.#trains[0] && now - this.#trains[0].at > TRAINS_HOLD) this.#trains.shift();
    const rates = this.#trains.map(({ rate }) => rate);
    const under = this.#train && this.#rateOf(this.#train);
    const recent = [...rates, ...(under === undefined ? [] : [under])].slice(-FEW_TRAINS);
    const sum = { came: 0, lost: 0 };
    for (const { came, lost } of this.#counts) {
      sum.came += came;
      sum.lost += lost;
    }
    const packets = sum.came + sum.lost;
    const quickest = Math.min(...this.#delays.map(({ delay }) => delay));
    const stands = this.#delays.length === 0 ? 0 : quickest - this.#way.value;
    let capacityNow = median(recent);
    // One so long is not pulled apart by chance: it need not end before it says that the link has become narrow.
    if (this.#train && under !== undefined && this.#train.lastAt - this.#train.firstAt > LONG_TRAIN)
      capacityNow = Math.min(capacityNow ?? under, under);
    const bytes = this.#arrived.reduce((all, one) => all + one.bytes, 0);
    return {
      queue: Math.max(0, stands, capacityNow === undefined ? 0 : this.#tooLong(capacityNow)),
      lost: packets === 0 ? 0 : sum.lost / packets,
      packets,
      capacity: rates.length < FEW_TRAINS ? undefined : median(rates),
      capacityNow,
      arrived: (bytes * 8000) / ARRIVED_WINDOW,
    };
  }

  /** By how much what is under way takes longer to come, and we to hear of it, than if nothing waited. */
  #tooLong(capacity: number): Millis {
    let bytes = 0;
    for (let index = Math.max(this.#toldUpTo + 1, this.#next - REMEMBERED); index < this.#next; index++)
      bytes += this.#bytes[index % REMEMBERED] ?? 0;
    return (bytes * 8000) / capacity - this.#answer.value - TOLD_EVERY;
  }

  #forget(): void {
    this.#train = undefined;
    this.#arrived.length = 0;
    this.#delays.length = 0;
    this.#way = new Shortest();
  }
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
