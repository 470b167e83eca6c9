/** What is known of each viewer of a broadcast, for whoever runs it. */
import { randomBytes } from "node:crypto";
import type { Codec } from "./frame.ts";
import type { ViewerInfo } from "./signaling/protocol.ts";
import type { Clock } from "./timing.ts";
import type { Reception } from "./transport/viewer.ts";

/** One viewer, while it is here. */
export interface ViewerRecord {
  protocol: "udp" | "tcp";
  codec: Codec | undefined;
  level: number;
  reception: Reception | undefined;
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
    const record: ViewerRecord = {
      protocol: "tcp",
      codec: undefined,
      level: 0,
      reception: undefined,
      isWatching: transport === "mjpeg",
      end: () => this.#all.delete(id),
    };
    this.#all.set(id, { record, about: { id, transport, address, since: this.#clock.now() } });
    return record;
  }

  all(): ViewerInfo[] {
    return [...this.#all.values()].slice(0, MOST_TOLD).map(({ record, about }) => {
      const { codec, level, reception, protocol, isWatching } = record;
      return {
        ...about,
        address: masked(about.address),
        protocol,
        state: isWatching ? "watching" : "joining",
        ...(codec && { codec, level }),
        ...(reception && { lost: reception.fractionLost, roundTrip: reception.roundTrip }),
      };
    });
  }
}

type About = Pick<ViewerInfo, "id" | "transport" | "address" | "since">;

/**
 * Enough to tell a network by, and nobody in it.
 * @param address IPv4, or the first 64 bits of IPv6 in hexadecimal.
 */
function masked(address: string): string {
  const ipv4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address)?.[1];
  if (ipv4 !== undefined) return `${ipv4}.x`;
  const groups = address.match(/[\da-f]{4}/g)?.slice(0, 3) ?? [];
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}:x`;
}
