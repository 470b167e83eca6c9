/** The transport of all broadcasts: one port, one form of sending, and the viewers that come by it. */

import type { Clock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import { Rounds } from "../base/rounds.ts";
import type { Codec } from "../media/frame.ts";
import type { AnnouncedAddress } from "../network/announce.ts";
import { LocalAudience } from "./audience/audience.ts";
import { JoinQueue } from "./audience/joins.ts";
import type { Audience, ViewerEvents } from "./audience/viewer.ts";
import { HandshakeRefusals } from "./dtls/refusals.ts";
import type { MediaIo } from "./io/io.ts";
import { loadNativeIo } from "./io/native/native.ts";
import { plainIo } from "./io/plain.ts";
import { type PortOptions, RtcPort } from "./port/port.ts";
import type { MediaCounters } from "./session/media-session.ts";
import { answerOffer } from "./werift/answer.ts";
import { prepareWerift } from "./werift/internals.ts";
import { WorkerPool } from "./workers/pool.ts";

export interface TransportOptions {
  readonly clock: Clock;
  /** As {@link PortOptions.host}. */
  readonly host: string | undefined;
  /** Where viewers may try besides. */
  readonly announced: readonly AnnouncedAddress[];
  /** As {@link PortOptions.relay}. */
  readonly relay?: PortOptions["relay"];
  /** The port asked for; 0 takes a free one. */
  readonly port: number;
  /** Whether any other port will do where that one is taken. */
  readonly anyPort: boolean;
  readonly playoutDelay: boolean;
  /** What viewers may be sent, the preferred first. */
  readonly codecs: readonly Codec[];
  /** Threads at most that send, beside this one; 0 sends from this one. */
  readonly workers: number;
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
  readonly #joins: JoinQueue;
  readonly #workers: WorkerPool | undefined;
  /** Of the viewers, but for those of the workers; for others too that connect from here. */
  readonly handshakes: HandshakeRefusals;
  readonly #media: MediaCounters = { packets: 0, repairs: 0, refusedRtcp: 0, refusedSctp: 0 };

  private constructor(options: TransportOptions, io: MediaIo, port: RtcPort) {
    this.#options = options;
    this.#io = io;
    this.#port = port;
    this.#rounds = new Rounds(options.clock);
    this.#joins = new JoinQueue(options.clock);
    this.handshakes = new HandshakeRefusals(options.clock, options.log);
    const { clock, workers: most, playoutDelay, codecs, log } = options;
    // The plain form sends by Node's own sockets, which belong to one thread.
    if (most > 0 && io.share)
      this.#workers = new WorkerPool({ clock, port, most, setup: { playoutDelay, codecs }, log });
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
    const { clock, playoutDelay, codecs, log } = this.#options;
    const { sealerOf } = this.#io;
    const options = {
      clock,
      rounds: this.#rounds,
      port: this.#port,
      codecs,
      sealerOf,
      counters: this.#media,
      handshakes: this.handshakes,
      playoutDelay,
      log,
    };
    const answer = (offer: string, events: ViewerEvents) => answerOffer(offer, options, events);
    const local = new LocalAudience(clock, this.#joins.inTurn(answer));
    return this.#workers?.audience(local) ?? local;
  }

  /** For `/metrics`: what was sent, and what was kept out and why. */
  counters(): Record<string, number> {
    const { garbage, unauthentic, stranger, unsound } = this.#port.counters;
    const { packets, repairs, refusedRtcp, refusedSctp } = this.#media;
    const workers = this.#workers?.counters();
    return {
      sent: packets + (workers?.packets ?? 0),
      sent_again: repairs + (workers?.repairs ?? 0),
      dropped: this.#port.dropped + (workers?.dropped ?? 0),
      refused_garbage: garbage,
      refused_unauthentic: unauthentic,
      refused_stranger: stranger,
      refused_dtls: unsound,
      refused_handshakes: this.handshakes.count + (workers?.refusedHandshakes ?? 0),
      refused_rtcp: refusedRtcp + (workers?.refusedRtcp ?? 0),
      refused_sctp: refusedSctp + (workers?.refusedSctp ?? 0),
    };
  }

  /** Once what is to be said to the viewers is said. */
  async close(): Promise<void> {
    await this.#workers?.close();
    this.#port.close();
  }
}

async function openPort(
  { clock, host, port, anyPort, announced, relay }: TransportOptions,
  io: MediaIo,
): Promise<RtcPort> {
  for (let tries = 0; ; tries++) {
    try {
      return await RtcPort.open({ clock, io, host, announced, relay, port: tries === 0 ? port : 0 });
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
      log(`Video is sent the slow way, by plain Node: ${reasonOf(error)}.`);
    }
    return plainIo;
  }
}
