/** The viewers of one broadcast in this thread. Each frame is packetized once and sent to all connected viewers. */

import type { Clock } from "../../base/clock.ts";
import { FairShare } from "../../base/fair-share.ts";
import { Turns } from "../../base/turns.ts";
import { type Codec, type EncodedFrame, type RenditionId, renditionName } from "../../media/frame.ts";
import { PacketHistory, type PacketizedFrame } from "../packets/history.ts";
import { Packetizer, SMALL_PAYLOAD } from "../packets/packetizer.ts";
import { reportOf } from "./report.ts";
import type { Answered, Audience, Sent, ViewerEvents } from "./viewer.ts";

/** Frame reports to all viewers together: one report costs as much CPU as a frame's video (decision 0002). */
const MAX_REPORTS_PER_SECOND = 500;

/** The sending side of a viewer in this thread. */
export interface Recipient {
  /** As {@link Viewer.codec}. */
  readonly codec: Codec;
  /** Whether the path to the viewer takes no full packets: it gets small ones from the next keyframe on. */
  readonly isNarrow: boolean;
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
  /** Whether it receives small packets: as {@link Recipient.isNarrow} at the last keyframe. */
  takesSmall: boolean;
  /** Whether a keyframe was requested to begin with small packets. */
  awaitsSmall: boolean;
}

/** The packets of a rendition and the viewers that receive them. */
interface Rendition {
  readonly codec: Codec;
  readonly full: Packets;
  /** The same frames in packets of {@link SMALL_PAYLOAD}; made only while a viewer takes them. */
  readonly small: Packets;
  /** Connected viewers. Each is in one rendition. */
  readonly viewers: Set<Member>;
  /** Counts the frames: each is sent to another viewer first. */
  turn: number;
}

/** A rendition in packets of one size. */
interface Packets {
  readonly packetizer: Packetizer;
  readonly history: PacketHistory;
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
    member = { recipient: answered.viewer, events, requestedLevel: 0, takesSmall: false, awaitsSmall: false };
    return answered;
  }

  async send(frame: EncodedFrame): Promise<Sent> {
    if (frame.type === "key") this.#move(frame);
    const rendition = this.#rendition(frame);
    const { full, small, viewers } = rendition;
    const packetized = packetsOf(frame, full);
    let inSmall: PacketizedFrame | undefined;
    await this.#turns.take(
      each(this.#inTurn(rendition), (member) => {
        choosePackets(member, frame);
        if (member.takesSmall) inSmall ??= packetsOf(frame, small);
        member.recipient.send((member.takesSmall && inSmall) || packetized);
      }),
    );
    const sent = this.#clock.now();
    // Viewers without reports do not use up the budget.
    const reported = this.#reports.next([...viewers].filter(({ recipient }) => recipient.takesReports));
    const report = reportOf(frame, sent);
    await this.#turns.take(each(reported, ({ recipient }) => recipient.report(report)));
    return { packets: packetized.packets.length, at: sent };
  }

  /** The viewers, each frame from another one on: behind one bottleneck, the first finds the shortest queue. */
  *#inTurn(rendition: Rendition): Generator<Member, void> {
    // A copy, because viewers may leave while the turns of a frame are taken.
    const all = [...rendition.viewers];
    const first = rendition.turn++;
    for (let n = 0; n < all.length; n++) yield all[(first + n) % all.length] as Member;
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
      full: { packetizer: new Packetizer(), history: new PacketHistory(this.#clock) },
      small: { packetizer: new Packetizer(SMALL_PAYLOAD), history: new PacketHistory(this.#clock) },
      viewers: new Set(),
      turn: 0,
    };
    this.#renditions.set(name, rendition);
    return rendition;
  }
}

/** Changes the packet size at a keyframe only: between them the sequence numbers of one packetization go on. */
function choosePackets(member: Member, { type }: EncodedFrame): void {
  const { recipient, events } = member;
  if (type === "key") {
    member.takesSmall = recipient.isNarrow;
    member.awaitsSmall = false;
  } else if (recipient.isNarrow && !member.takesSmall && !member.awaitsSmall) {
    member.awaitsSmall = true;
    events.keyframeNeeded();
  }
}

function packetsOf(frame: EncodedFrame, { packetizer, history }: Packets): PacketizedFrame {
  return history.add(frame, packetizer.packetize(frame));
}

function* each<T>(all: Iterable<T>, act: (one: T) => void): Generator<void> {
  for (const one of all) yield act(one);
}
