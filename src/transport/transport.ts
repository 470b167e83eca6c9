/**
 * The transport carries encoded frames to viewers over WebRTC. It opens one port for all broadcasts, chooses how packets are
 * sealed and sent, and makes an audience for each broadcast.
 */

import type { Clock } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
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

/** What a transport is opened with. */
export interface TransportOptions {
  readonly clock: Clock;
  /** As {@link PortOptions.host}. */
  readonly host: string | undefined;
  /** Candidates besides the addresses of this machine. */
  readonly announced: readonly AnnouncedAddress[];
  /** As {@link PortOptions.relay}. */
  readonly relay?: PortOptions["relay"];
  /** The wanted port; 0 takes a free one. */
  readonly port: number;
  /** Whether to take a free port if the wanted one is taken. */
  readonly anyPort: boolean;
  /** Whether to ask viewers for no playout delay. */
  readonly playoutDelay: boolean;
  /** Codecs for viewers, in order of preference. */
  readonly codecs: readonly Codec[];
  /** The most worker threads for sending; 0 sends from the main thread. */
  readonly workers: number;
  /** Seals and sends packets; by default native if this machine supports it. */
  readonly io?: MediaIo | undefined;
  readonly log: Log;
}

/** Free ports tried before opening fails. */
const MAX_FREE_PORTS = 5;

/** One per server. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #io: MediaIo;
  readonly #port: RtcPort;
  readonly #rounds: Rounds;
  readonly #joins: JoinQueue;
  readonly #workers: WorkerPool | undefined;
  /** Refused handshakes of the main thread. Publishing peers count theirs here too. */
  readonly handshakes: HandshakeRefusals;
  readonly #media: MediaCounters = { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 };

  private constructor(options: TransportOptions, io: MediaIo, port: RtcPort) {
    this.#options = options;
    this.#io = io;
    this.#port = port;
    this.#rounds = new Rounds(options.clock);
    this.#joins = new JoinQueue(options.clock);
    this.handshakes = new HandshakeRefusals(options.clock, options.log);
    const { clock, workers: maxWorkers, playoutDelay, codecs, log } = options;
    // Plain sending uses Node's sockets, which belong to one thread.
    if (maxWorkers > 0 && io.share)
      this.#workers = new WorkerPool({ clock, port, maxWorkers, setup: { playoutDelay, codecs }, log });
  }

  /**
   * Opens the port.
   * @throws the system's error if it cannot be bound.
   */
  static async open(options: TransportOptions): Promise<Transport> {
    prepareWerift();
    const io = options.io ?? (await chooseIo(options.log));
    return new Transport(options, io, await openPort(options, io));
  }

  /** The port number, the same for UDP and TCP. */
  get port(): number {
    return this.#port.port;
  }

  /** Makes the audience of a new broadcast. @param log takes lines about its viewers. */
  audience(log: Log): Audience {
    const { clock, playoutDelay, codecs } = this.#options;
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

  /** Packets sent, dropped and refused, by name, for `/metrics`. */
  counters(): Record<string, number> {
    const { garbage, unauthentic, stranger, unsound } = this.#port.counters;
    const { packets, repairs, parity, refusedRtcp, refusedSctp } = this.#media;
    const workers = this.#workers?.counters();
    return {
      sent: packets + (workers?.packets ?? 0),
      sent_again: repairs + (workers?.repairs ?? 0),
      sent_parity: parity + (workers?.parity ?? 0),
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

  /** Closes the port after the last messages to viewers. */
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
      // A port that is free for UDP may be taken for TCP.
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (!isTaken || !(anyPort || port === 0) || tries === MAX_FREE_PORTS) throw error;
    }
  }
}

/** Native if this machine supports it, else plain. */
async function chooseIo(log: Log): Promise<MediaIo> {
  try {
    const native = await loadNativeIo();
    if (!native.segmentation)
      log("The kernel does not cut UDP messages into datagrams (UDP_SEGMENT), so sending costs more CPU.");
    return native;
  } catch (error) {
    if (process.platform === "linux") {
      const why = reasonOf(error).split("\n")[0];
      log(`Native sending is unavailable, so sending costs more CPU: ${why}.`, { level: "warn" });
    }
    return plainIo;
  }
}
