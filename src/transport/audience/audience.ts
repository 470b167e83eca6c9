/** The viewers of one broadcast, in this thread: each frame is packetized once, and sent to all that are connected. */

import type { Clock } from "../../base/clock.ts";
import { Share } from "../../base/fair-share.ts";
import { Turns } from "../../base/turns.ts";
import { type Codec, type EncodedFrame, type RenditionId, renditionName } from "../../media/frame.ts";
import { PacketHistory, type PacketizedFrame } from "../packets/history.ts";
import { Packetizer } from "../packets/packetizer.ts";
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
  /** Sends the report that belongs to the frame just sent. Never blocks or throws. */
  report(json: string): void;
  /** As {@link Viewer.restart}. */
  restart(offer: string): Promise<string>;
  /** As {@link Viewer.close}. */
  close(reason: string): void;
}

/** A viewer and what it is sent. */
interface Member {
  readonly is: Recipient;
  readonly events: ViewerEvents;
  level: number;
  wants: number;
}

/** A rendition's packets, and those who have them. */
interface Packetized {
  readonly codec: Codec;
  readonly packetizer: Packetizer;
  readonly history: PacketHistory;
  /** Connected. */
  readonly viewers: Set<Member>;
}

/** Makes a viewer of an SDP offer, with whatever comes along with that. */
export type Answer<Offer = string> = (
  offer: Offer,
  events: ViewerEvents,
) => Promise<{ readonly answer: string; readonly viewer: Recipient }>;

export class LocalAudience<Offer = string> implements Audience<Offer> {
  readonly #clock: Clock;
  readonly #answer: Answer<Offer>;
  /** By their names. */
  readonly #renditions = new Map<string, Packetized>();
  readonly #turns: Turns;
  readonly #reports: Share<Member>;

  constructor(clock: Clock, answer: Answer<Offer>) {
    this.#clock = clock;
    this.#answer = answer;
    this.#turns = new Turns(clock);
    this.#reports = new Share(clock, REPORTS_A_SECOND);
  }

  async admit(offer: Offer, events: ViewerEvents): Promise<Answered> {
    let member: Member | undefined;
    const answered = await this.#answer(offer, {
      ...events,
      connected: () => {
        if (member) this.#rendition({ codec: member.is.codec, level: 0 }).viewers.add(member);
        events.connected();
      },
      wants: (level) => {
        if (member) member.wants = level;
        events.wants(level);
      },
      closed: (reason) => {
        if (member) this.#rendition({ codec: member.is.codec, level: member.level }).viewers.delete(member);
        events.closed(reason);
      },
    });
    member = { is: answered.viewer, events, level: 0, wants: 0 };
    return answered;
  }

  async send(frame: EncodedFrame): Promise<Sent> {
    if (frame.type === "key") this.#move(frame);
    const { packetizer, history, viewers } = this.#rendition(frame);
    const packets = packetizer.packetize(frame);
    const packetized = history.add(frame, packets);
    await this.#turns.take(each(viewers, ({ is }) => is.send(packetized)));
    const sent = this.#clock.now();
    // Those that take none leave the others their share.
    const reported = this.#reports.next([...viewers].filter(({ is }) => is.takesReports));
    const report = reportOf(frame, sent);
    await this.#turns.take(each(reported, ({ is }) => is.report(report)));
    return { packets: packets.length, at: sent };
  }

  /** With a keyframe those who want it can begin. */
  #move({ codec, level }: RenditionId): void {
    const { viewers } = this.#rendition({ codec, level });
    for (const other of this.#renditions.values()) {
      if (other.codec !== codec || other.viewers === viewers) continue;
      for (const member of other.viewers) {
        if (member.wants !== level) continue;
        other.viewers.delete(member);
        viewers.add(member);
        member.level = level;
        member.events.moved(level);
      }
    }
  }

  #rendition(id: RenditionId): Packetized {
    const name = renditionName(id);
    const rendition = this.#renditions.get(name) ?? {
      codec: id.codec,
      packetizer: new Packetizer(),
      history: new PacketHistory(this.#clock),
      viewers: new Set(),
    };
    this.#renditions.set(name, rendition);
    return rendition;
  }
}

function* each<T>(all: Iterable<T>, act: (one: T) => void): Generator<void> {
  for (const one of all) yield act(one);
}
