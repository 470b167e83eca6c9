/** Recent packets of a rendition, for retransmission. All viewers share one history. */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { EncodedFrame } from "../../media/frame.ts";
import type { MediaPacket } from "./packetizer.ts";

/** Age of the oldest packets. It exceeds every round trip at which retransmission helps live video. */
const MAX_AGE: Millis = 2000;

/** Memory limit: beyond it the oldest packets are dropped regardless of age. */
const MAX_BYTES = 16 * 1024 * 1024;

/** An encoded frame as packets. */
export interface PacketizedFrame {
  readonly type: "key" | "delta";
  readonly level: number;
  /** As {@link EncodedFrame.fullBitrate}. */
  readonly fullBitrate: number;
  readonly captured: EpochMs;
  readonly packets: readonly MediaPacket[];
  /** The rendition's history, which includes this frame. */
  readonly history: PacketHistory;
}

interface StoredFrame {
  readonly type: "key" | "delta";
  readonly at: EpochMs;
  readonly packets: readonly MediaPacket[];
  readonly bytes: number;
}

/** The history of one rendition. */
export class PacketHistory {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #frames: StoredFrame[] = [];
  readonly #packets = new Map<number, MediaPacket>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Stores a frame's packets for 2 seconds. The last keyframe stays until there is a newer one. */
  add(frame: EncodedFrame, packets: readonly MediaPacket[]): PacketizedFrame {
    const { type, level, fullBitrate, timings } = frame;
    const bytes = packets.reduce((sum, { payload }) => sum + payload.length, 0);
    this.#frames.push({ type, at: this.#clock.now(), packets, bytes });
    this.#bytes += bytes;
    for (const packet of packets) this.#packets.set(packet.index, packet);
    this.#dropOld();
    return { type, level, fullBitrate, captured: timings.captured, packets, history: this };
  }

  /** The packet with this index; undefined if it was dropped. */
  find(index: number): MediaPacket | undefined {
    return this.#packets.get(index);
  }

  #dropOld(): void {
    const now = this.#clock.now();
    const lastKey = this.#frames.findLast(({ type }) => type === "key");
    while (this.#frames.length > 2) {
      const at = this.#frames[0] === lastKey ? 1 : 0;
      const [oldest] = this.#frames.slice(at, at + 1);
      if (!oldest || (now - oldest.at <= MAX_AGE && this.#bytes <= MAX_BYTES)) return;
      this.#frames.splice(at, 1);
      this.#bytes -= oldest.bytes;
      for (const { index } of oldest.packets) this.#packets.delete(index);
    }
  }
}
