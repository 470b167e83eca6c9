/**
 * Joins the renditions that one viewer receives into a single RTP stream: continuous sequence numbers, and timestamps that
 * never go back.
 */
import type { PacketHistory, PacketizedFrame } from "../packets/history.ts";
import type { MediaPacket } from "../packets/packetizer.ts";

/** Consecutive packets of one rendition. */
export interface Splice {
  readonly history: PacketHistory;
  /** The viewer's index of the first packet. */
  readonly firstIndex: number;
  /** The viewer's index of a packet, less the rendition's. */
  readonly offset: number;
  /**
   * The viewer's timestamps by the rendition's, where they differ. The previous rendition may have sent the same pictures,
   * and a viewer discards a frame that is not later than the last one.
   */
  readonly timestamps: Map<number, number>;
}

/** Splices kept for retransmission. */
const MAX_SPLICES = 4;

/** The splices of one viewer. */
export class Splices {
  /** Oldest first. */
  #splices: Splice[] = [];
  #waitsForKeyframe = false;

  /** Whether nothing can be sent before the next keyframe. */
  get waitsForKeyframe(): boolean {
    return this.#waitsForKeyframe;
  }

  /** Whether the viewer has received nothing since the start or the last {@link cut}. */
  get isEmpty(): boolean {
    return this.#splices.length === 0;
  }

  /**
   * The splice that a frame belongs to. A keyframe of another rendition starts a new one.
   * @param firstIndex the rendition's index of the frame's first packet.
   * @param level that the viewer waits for after a {@link cut}; undefined for any.
   * @param next the viewer's index of its next packet.
   * @returns undefined if the viewer could not decode the frame.
   */
  take(
    { type, level: frameLevel, history }: PacketizedFrame,
    firstIndex: number,
    level: number | undefined,
    next: number,
  ): Splice | undefined {
    const current = this.#splices.at(-1);
    if (!this.#waitsForKeyframe && current?.history === history) return current;
    if (type !== "key") return undefined;
    if (this.#waitsForKeyframe && level !== undefined && frameLevel !== level) return undefined;
    this.#waitsForKeyframe = false;
    const splice = { history, firstIndex: next, offset: next - firstIndex, timestamps: new Map() };
    this.#splices.push(splice);
    if (this.#splices.length > MAX_SPLICES) this.#splices.shift();
    return splice;
  }

  /** The packet that was sent with this index; undefined if the rendition's history no longer has it. */
  find(index: number): { readonly splice: Splice; readonly packet: MediaPacket } | undefined {
    // A history also has packets from before the splice, which this viewer never received.
    const splice = this.#splices.findLast(({ firstIndex }) => firstIndex <= index);
    const packet = splice?.history.find(index - splice.offset);
    return splice && packet && { splice, packet };
  }

  /** Forgets what was sent, and waits for a keyframe. */
  cut(): void {
    this.#splices = [];
    this.#waitsForKeyframe = true;
  }
}

/** The timestamp, or one tick after `last` if it is not later (90 kHz, modulo 2^32). */
export function laterTimestamp(timestamp: number, last: number | undefined): number {
  if (last === undefined) return timestamp;
  const ahead = (timestamp - last + 2 ** 32) % 2 ** 32;
  return ahead > 0 && ahead < 2 ** 31 ? timestamp : (last + 1) % 2 ** 32;
}
