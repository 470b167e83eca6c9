/** What is known of each viewer of a broadcast, for whoever runs it. */
import { randomBytes } from "node:crypto";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import { type Codec, renditionName } from "../media/frame.ts";
import type { ViewerInfo } from "../shared/protocol.ts";
import type { Reception } from "../transport/audience/viewer.ts";

/** One viewer, while it is here. */
export interface ViewerRecord {
  readonly id: string;
  readonly since: EpochMs;
  protocol: ViewerInfo["protocol"];
  codec: Codec | undefined;
  level: number;
  reception: Reception | undefined;
  /** As its page says. */
  latency: Millis | undefined;
  isWatching: boolean;
  /** It is here no more. */
  end(): void;
}

/** Viewers that are told of at once, the longest there first. */
const MOST_TOLD = 200;

export class ViewerRecords {
  readonly #clock: Clock;
  readonly #all = new Map<string, { readonly record: ViewerRecord; readonly about: About }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param address as limits by address have it. */
  add(transport: ViewerInfo["transport"], address: string): ViewerRecord {
    const id = randomBytes(4).toString("hex");
    const since = this.#clock.now();
    const record: ViewerRecord = {
      id,
      since,
      protocol: "tcp",
      codec: undefined,
      level: 0,
      reception: undefined,
      latency: undefined,
      isWatching: transport === "mjpeg",
      end: () => this.#all.delete(id),
    };
    this.#all.set(id, { record, about: { id, transport, address, since } });
    return record;
  }

  /** Of those that watch. */
  counts(): ViewerCount[] {
    const counts = new Map<string, ViewerCount>();
    for (const { record, about } of this.#all.values()) {
      if (!record.isWatching) continue;
      const { codec, level, protocol } = record;
      const rendition = codec ? renditionName({ codec, level }) : "mjpeg";
      const key = `${protocol} ${rendition}`;
      const known = counts.get(key) ?? { transport: about.transport, protocol, rendition, count: 0 };
      known.count++;
      counts.set(key, known);
    }
    return [...counts.values()];
  }

  /** The longest there first, and no more than are told of at once. */
  all(): ViewerInfo[] {
    return [...this.#all.values()].slice(0, MOST_TOLD).map(({ record, about }) => {
      const { codec, level, latency, reception, protocol, isWatching } = record;
      return {
        ...about,
        address: masked(about.address),
        protocol,
        state: isWatching ? "watching" : "joining",
        ...(codec && { codec, level }),
        ...(latency !== undefined && { latency }),
        ...(reception && { lost: reception.fractionLost, roundTrip: reception.roundTrip }),
      };
    });
  }
}

/** How many viewers are alike in these. */
export interface ViewerCount {
  readonly transport: ViewerInfo["transport"];
  readonly protocol: ViewerInfo["protocol"];
  /** Such as `vp8/0`; `mjpeg` for those without. */
  readonly rendition: string;
  count: number;
}

type About = Pick<ViewerInfo, "id" | "transport" | "address" | "since">;

/**
 * Enough to tell a network by, and nobody in it.
 * @param address IPv4, or the first 64 bits of IPv6 in hexadecimal.
 */
function masked(address: string): string {
  if (/^(127\.[\d.]+|0{16})$/.test(address)) return "this machine";
  const ipv4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address)?.[1];
  if (ipv4 !== undefined) return `${ipv4}.x`;
  const groups = address.match(/[\da-f]{4}/g)?.slice(0, 3) ?? [];
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}:x`;
}
