/** The packets of a rendition that may be asked for again: one history for all of its viewers. */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { EncodedFrame } from "../../media/frame.ts";
import type { MediaPacket } from "./packetizer.ts";

/** Longer than any round trip on which sending again helps a live picture. */
const KEEP: Millis = 2000;

/** A bound on memory, beyond which the oldest go whatever their age. */
const MAX_BYTES = 16 * 1024 * 1024;

/** An encoded frame as packets, as viewers are handed it. */
export interface PacketizedFrame {
  readonly type: "key" | "delta";
  readonly level: number;
  /** As {@link EncodedFrame.bitrate}. */
  readonly bitrate: number;
  readonly captured: EpochMs;
  readonly packets: readonly MediaPacket[];
  /** Of the same rendition, up to this frame or further. */
  readonly history: PacketHistory;
}

interface Kept {
  readonly type: "key" | "delta";
  readonly at: EpochMs;
  readonly packets: readonly MediaPacket[];
  readonly bytes: number;
}

export class PacketHistory {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #frames: Kept[] = [];
  readonly #packets = new Map<number, MediaPacket>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps the frame's packets for 2 seconds, and the last keyframe's for as long as there is no newer one. */
  add(frame: EncodedFrame, packets: readonly MediaPacket[]): PacketizedFrame {
    const { type, level, bitrate, timings } = frame;
    const bytes = packets.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#frames.push({ type, at: this.#clock.now(), packets, bytes });
    this.#bytes += bytes;
    for (const packet of packets) this.#packets.set(packet.index, packet);
    this.#forget();
    return { type, level, bitrate, captured: timings.captured, packets, history: this };
  }

  /** The packet, unless it is too long ago. */
  find(index: number): MediaPacket | undefined {
    return this.#packets.get(index);
  }

  #forget(): void {
    const now = this.#clock.now();
    const lastKey = this.#frames.findLast(({ type }) => type === "key");
    while (this.#frames.length > 2) {
      const at = this.#frames[0] === lastKey ? 1 : 0;
      const [oldest] = this.#frames.slice(at, at + 1);
      if (!oldest || (now - oldest.at <= KEEP && this.#bytes <= MAX_BYTES)) return;
      this.#frames.splice(at, 1);
      this.#bytes -= oldest.bytes;
      for (const { index } of oldest.packets) this.#packets.delete(index);
    }
  }
}
