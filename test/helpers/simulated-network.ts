/** A simulated link that several viewers and downloads share, on a clock that the test passes. */
import { Link, type Path, seeded } from "../../bench/network/link.ts";
import type { EpochMs } from "../../src/base/clock.ts";
import { FakeClock } from "./fake-clock.ts";
import { TcpFlow } from "./tcp-flow.ts";

/** Something that acts every {@link STEP}, such as a viewer or a download. */
export interface Participant {
  /** @param elapsed milliseconds since the start of the network. */
  pass(elapsed: number): void;
}

/** Milliseconds between two actions of each participant. */
export const STEP = 2;

/** One direction of a network, from the server to its viewers. */
export class SimulatedNetwork {
  readonly clock = new FakeClock();
  readonly path: Path;
  readonly started: EpochMs = this.clock.now();
  readonly link: Link;
  readonly #receivers = new Map<Buffer, (packet: Buffer) => void>();
  readonly #participants: Participant[] = [];
  #steps = 0;

  constructor(path: Path, seed = 1) {
    this.path = path;
    this.link = new Link(path, seeded(seed));
    this.link.begin(this.clock.now());
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return this.clock.now() - this.started;
  }

  join(participant: Participant): void {
    this.#participants.push(participant);
  }

  /** Sends a packet; `receive` takes it if it arrives. */
  send(packet: Buffer, receive: (packet: Buffer) => void): void {
    this.#receivers.set(packet, receive);
    this.link.push(packet, this.clock.now());
  }

  /** Adds a download that competes for the link. Each time is in milliseconds since the start. */
  download(from: number, to: number, returnDelay = 20): TcpFlow {
    const flow: TcpFlow = new TcpFlow(returnDelay, (segment) =>
      this.send(segment, (arrived) => flow.arrived(arrived, this.clock.now())),
    );
    this.join({
      pass: (elapsed) => {
        if (elapsed >= from && elapsed < to) flow.pass(this.clock.now());
      },
    });
    return flow;
  }

  /** Lets time pass. */
  pass(seconds: number): void {
    for (let end = this.#steps + (seconds * 1000) / STEP; this.#steps < end; this.#steps++) {
      // In turn: the first of a burst finds the shortest queue.
      const first = Math.floor(this.elapsed / 50) % (this.#participants.length || 1);
      const { length } = this.#participants;
      for (let n = 0; n < length; n++) this.#participants[(first + n) % length]?.pass(this.elapsed);
      this.clock.pass(STEP);
      const now = this.clock.now();
      for (let packet = this.link.pop(now); packet; packet = this.link.pop(now)) {
        this.#receivers.get(packet)?.(packet);
        this.#receivers.delete(packet);
      }
    }
  }
}

/** Bytes that a link carries in a time. */
export const bytesIn = (milliseconds: number, rate: number): number => (milliseconds * rate) / 8000;

/** A link with one rate, and a queue that holds so many milliseconds. */
export const narrow = (rate: number, queue = 100): Path => ({
  delay: 10,
  rates: [{ from: 0, rate }],
  queue: bytesIn(queue, rate),
});
