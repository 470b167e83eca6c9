/** The viewers of one broadcast, in this thread: each frame is packetized once, and sent to all that are connected. */
import type { Codec, EncodedFrame } from "../frame.ts";
import { Share } from "../share.ts";
import type { Clock } from "../timing.ts";
import { Turns } from "../turns.ts";
import { PacketHistory, type PacketizedFrame } from "./history.ts";
import { Packetizer } from "./packetizer.ts";
import { reportOf } from "./report.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "./viewer.ts";

/** Frame reports sent to all viewers together, as each costs as much as a frame's video (decision 0002). */
const REPORTS_A_SECOND = 500;

/** A viewer that is sent to directly. */
export interface Recipient {
  /** As {@link Viewer.codec}. */
  readonly codec: Codec;
  /** Sends a frame; drops it until it is connected. Never blocks or throws. */
  send(frame: PacketizedFrame): void;
  /** Whether it has asked for reports. */
  readonly takesReports: boolean;
  /** Sends the report that belongs to the frame just sent. */
  report(json: string): void;
  /** As {@link Viewer.restart}. */
  restart(offer: string): Promise<string>;
  /** As {@link Viewer.close}. */
  close(reason: string): void;
}

/** A rendition's packets, and those who have them. */
interface Packetized {
  readonly packetizer: Packetizer;
  readonly history: PacketHistory;
  /** Connected. */
  readonly viewers: Set<Recipient>;
}

/** Makes a viewer of an SDP offer, with whatever comes along with that. */
export type Answer<Offer = string> = (
  offer: Offer,
  events: ViewerEvents,
) => Promise<{ readonly answer: string; readonly viewer: Recipient }>;

export class LocalAudience<Offer = string> implements Audience<Offer> {
  readonly #clock: Clock;
  readonly #answer: Answer<Offer>;
  readonly #renditions = new Map<Codec, Packetized>();
  readonly #turns: Turns;
  readonly #reports: Share<Recipient>;

  constructor(clock: Clock, answer: Answer<Offer>) {
    this.#clock = clock;
    this.#answer = answer;
    this.#turns = new Turns(clock);
    this.#reports = new Share(clock, REPORTS_A_SECOND);
  }

  async admit(offer: Offer, events: ViewerEvents): Promise<Answered> {
    let recipient: Recipient | undefined;
    const answered = await this.#answer(offer, {
      ...events,
      connected: () => {
        if (recipient) this.#rendition(recipient.codec).viewers.add(recipient);
        events.connected();
      },
      closed: (reason) => {
        if (recipient) this.#rendition(recipient.codec).viewers.delete(recipient);
        events.closed(reason);
      },
    });
    recipient = answered.viewer;
    return answered;
  }

  async send(frame: EncodedFrame): Promise<Sent> {
    const { packetizer, history, viewers } = this.#rendition(frame.codec);
    const packets = packetizer.packetize(frame);
    const packetized = history.add(frame, packets);
    await this.#turns.take(each(viewers, (viewer) => viewer.send(packetized)));
    const sent = this.#clock.now();
    // Those that take none leave the others their share.
    const reported = this.#reports.next([...viewers].filter(({ takesReports }) => takesReports));
    const report = reportOf(frame, sent);
    await this.#turns.take(each(reported, (viewer) => viewer.report(report)));
    return { packets: packets.length, at: sent };
  }

  #rendition(codec: Codec): Packetized {
    const rendition = this.#renditions.get(codec) ?? {
      packetizer: new Packetizer(),
      history: new PacketHistory(this.#clock),
      viewers: new Set(),
    };
    this.#renditions.set(codec, rendition);
    return rendition;
  }
}

function* each<T>(all: Iterable<T>, act: (one: T) => void): Generator<void> {
  for (const one of all) yield act(one);
}
