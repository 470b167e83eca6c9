/** The transport of all broadcasts: one port, one form of sending, and the viewers that come by it. */
import type { Clock } from "../timing.ts";
import { LocalAudience } from "./audience.ts";
import { loadNativeIo } from "./io/native.ts";
import { plainIo } from "./io/plain.ts";
import type { MediaIo } from "./io.ts";
import type { MediaCounters } from "./media.ts";
import { RtcPort } from "./port.ts";
import { Rounds } from "./rounds.ts";
import type { Audience } from "./viewer.ts";
import { answerOffer, prepareWerift } from "./werift.ts";

export interface TransportOptions {
  readonly clock: Clock;
  /** The one address to bind and offer; undefined for every one of this machine. */
  readonly host: string | undefined;
  /** The port asked for; 0 takes a free one. */
  readonly port: number;
  /** Whether any other port will do where that one is taken. */
  readonly anyPort: boolean;
  readonly playoutDelay: boolean;
  readonly io?: MediaIo | undefined;
  readonly log: (line: string) => void;
}

/** How many free ports are tried, until it counts as an error. */
const MORE_PORTS = 5;

export class Transport {
  readonly #options: TransportOptions;
  readonly #io: MediaIo;
  readonly #port: RtcPort;
  readonly #rounds: Rounds;
  readonly #media: MediaCounters = { packets: 0, repairs: 0, refusedRtcp: 0 };

  private constructor(options: TransportOptions, io: MediaIo, port: RtcPort) {
    this.#options = options;
    this.#io = io;
    this.#port = port;
    this.#rounds = new Rounds(options.clock);
  }

  /** @throws the system's error where the port cannot be had. */
  static async open(options: TransportOptions): Promise<Transport> {
    prepareWerift();
    const io = options.io ?? (await chooseIo(options.log));
    return new Transport(options, io, await openPort(options, io));
  }

  /** UDP and TCP. */
  get port(): number {
    return this.#port.port;
  }

  /** A new broadcast's. */
  audience(): Audience {
    const { clock, playoutDelay, log } = this.#options;
    const { sealerOf } = this.#io;
    const options = {
      clock,
      rounds: this.#rounds,
      port: this.#port,
      sealerOf,
      counters: this.#media,
      playoutDelay,
      log,
    };
    return new LocalAudience(clock, (offer, events) => answerOffer(offer, options, events));
  }

  /** For `/metrics`: what was sent, and what was kept out and why. */
  counters(): Record<string, number> {
    const { garbage, unauthentic, stranger, unsound } = this.#port.counters;
    const { packets, repairs, refusedRtcp } = this.#media;
    return {
      sent: packets,
      sent_again: repairs,
      dropped: this.#port.dropped,
      refused_garbage: garbage,
      refused_unauthentic: unauthentic,
      refused_stranger: stranger,
      refused_dtls: unsound,
      refused_rtcp: refusedRtcp,
    };
  }

  close(): void {
    this.#port.close();
  }
}

async function openPort({ clock, host, port, anyPort }: TransportOptions, io: MediaIo): Promise<RtcPort> {
  for (let tries = 0; ; tries++) {
    try {
      return await RtcPort.open({ clock, io, host, port: tries === 0 ? port : 0 });
    } catch (error) {
      // A number that is free for UDP may be taken for TCP.
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!isTaken || !(anyPort || port === 0) || tries === MORE_PORTS) throw error;
    }
  }
}

/** The native form where this machine has what it needs, else the plain one. */
async function chooseIo(log: (line: string) => void): Promise<MediaIo> {
  try {
    return await loadNativeIo();
  } catch (error) {
    if (process.platform === "linux") {
      log(`Video is sent the slow way, by plain Node: ${error instanceof Error ? error.message : error}.`);
    }
    return plainIo;
  }
}
