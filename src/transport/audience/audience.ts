/** The viewers of one broadcast in this thread. Each frame is packetized once and sent to all connected viewers. */

import type { Clock } from "../../base/clock.ts";
import { FairShare } from "../../base/fair-share.ts";
import { Turns } from "../../base/turns.ts";
import { type Codec, type EncodedFrame, type RenditionId, renditionName } from "../../media/frame.ts";
import { PacketHistory, type PacketizedFrame } from "../packets/history.ts";
import { Packetizer } from "../packets/packetizer.ts";
import { reportOf } from "./report.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "./viewer.ts";

/** Frame reports to all viewers together: one report costs as much CPU as a frame's video (decision 0002). */
const MAX_REPORTS_PER_SECOND = 500;

/** The sending side of a viewer in this thread. */
export interface Recipient {
  /** As {@link Viewer.codec}. */
  readonly codec: Codec;
  /** Sends a frame. Drops it before the viewer is connected. Never blocks or throws. */
  send(frame: PacketizedFrame): void;
  /** Whether the viewer has requested frame reports. */
  readonly takesReports: boolean;
  /** Sends the report of the last frame, as JSON. Never blocks or throws. */
  report(json: string): void;
  /** As {@link Viewer.restart}. */
  restart(offer: string): Promise<string>;
  /** As {@link Viewer.close}. */
  close(reason: string): void;
}

interface Member {
  readonly recipient: Recipient;
  readonly events: ViewerEvents;
  /** The level that its session requested last. It moves there at that rendition's next keyframe. */
  requestedLevel: number;
}

/** The packets of a rendition and the viewers that receive them. */
interface Rendition {
  readonly codec: Codec;
  readonly packetizer: Packetizer;
  readonly history: PacketHistory;
  /** Connected viewers. Each is in one rendition. */
  readonly viewers: Set<Member>;
}

/**
 * Creates a viewer from an offer: SDP, or SDP with data that another thread needs.
 * @throws {OfferError} if the offer cannot be answered.
 */
export type Answer<Offer = string> = (
  offer: Offer,
  events: ViewerEvents,
) => Promise<{ readonly answer: string; readonly viewer: Recipient }>;

/** An {@link Audience} whose viewers are in this thread. */
export class LocalAudience<Offer = string> implements Audience<Offer> {
  readonly #clock: Clock;
  readonly #answer: Answer<Offer>;
  /** By {@link renditionName}. */
  readonly #renditions = new Map<string, Rendition>();
  readonly #turns: Turns;
  readonly #reports: FairShare<Member>;
  #frames = 0;

  constructor(clock: Clock, answer: Answer<Offer>) {
    this.#clock = clock;
    this.#answer = answer;
    this.#turns = new Turns(clock);
    this.#reports = new FairShare(clock, MAX_REPORTS_PER_SECOND);
  }

  async admit(offer: Offer, events: ViewerEvents): Promise<Answered> {
    let member: Member | undefined;
    const answered = await this.#answer(offer, {
      ...events,
      connected: () => {
        if (member) this.#rendition({ codec: member.recipient.codec, level: 0 }).viewers.add(member);
        events.connected();
      },
      wants: (level) => {
        if (member) member.requestedLevel = level;
        events.wants(level);
      },
      closed: (reason) => {
        if (member) for (const { viewers } of this.#renditions.values()) viewers.delete(member);
        events.closed(reason);
      },
    });
    member = { recipient: answered.viewer, events, requestedLevel: 0 };
    return answered;
  }

  async send(frame: EncodedFrame): Promise<Sent> {
    if (frame.type === "key") this.#move(frame);
    const { packetizer, history, viewers } = this.#rendition(frame);
    const packets = packetizer.packetize(frame);
    const packetized = history.add(frame, packets);
    await this.#turns.take(each(this.#inTurn(viewers), ({ recipient }) => recipient.send(packetized)));
    const sent = this.#clock.now();
    // Viewers without reports do not use up the budget.
    const reported = this.#reports.next([...viewers].filter(({ recipient }) => recipient.takesReports));
    const report = reportOf(frame, sent);
    await this.#turns.take(each(reported, ({ recipient }) => recipient.report(report)));
    return { packets: packets.length, at: sent };
  }

  /** The viewers, each frame from another one on: behind one bottleneck, the first finds the shortest queue. */
  #inTurn(viewers: ReadonlySet<Member>): Member[] {
    const all = [...viewers];
    const first = this.#frames++ % Math.max(1, all.length);
    return [...all.slice(first), ...all.slice(0, first)];
  }

  /** Moves the viewers that requested a rendition to it. Called at its keyframe. */
  #move({ codec, level }: RenditionId): void {
    const { viewers } = this.#rendition({ codec, level });
    for (const other of this.#renditions.values()) {
      if (other.codec !== codec || other.viewers === viewers) continue;
      for (const member of other.viewers) {
        if (member.requestedLevel !== level) continue;
        other.viewers.delete(member);
        viewers.add(member);
        member.events.moved(level);
      }
    }
  }

  #rendition(id: RenditionId): Rendition {
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
