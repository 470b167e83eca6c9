/** What the server knows of each viewer of a stream. Only a record holds a viewer's rendition level. */
import { randomBytes } from "node:crypto";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Codec, type RenditionId, renditionName } from "../media/frame.ts";
import type { ViewerInfo } from "../shared/protocol.ts";
import type { Reception } from "../transport/audience/viewer.ts";

/** One viewer, from its admission to its end. */
export interface ViewerRecord {
  /** As the log and the viewer's page name it. */
  readonly id: string;
  readonly since: EpochMs;
  protocol: ViewerInfo["protocol"];
  /** Undefined until it is connected, and for MJPEG. */
  codec: Codec | undefined;
  /** Of the rendition that it is sent. */
  level: number;
  /** Of the rendition that it is sent from the next keyframe on; usually the same. */
  nextLevel: number;
  reception: Reception | undefined;
  /** As its page measures it. */
  latency: Millis | undefined;
  /** Whether it is connected. */
  isWatching: boolean;
  /** It is connected. */
  joined(): void;
  /** Removes the record. */
  end(): void;
}

/** The renditions that a viewer needs: the one it is sent, and the one it changes to. None before it is connected. */
export function renditionsOf({ isWatching, codec, level, nextLevel }: ViewerRecord): RenditionId[] {
  if (!isWatching || codec === undefined) return [];
  return [...new Set([level, nextLevel])].map((of) => ({ codec, level: of }));
}

/** Logs what a viewer does; `what` ends the sentence that begins with its name. */
export type ViewerLog = (record: ViewerRecord, what: string, reason?: string) => void;

/** @returns the log of one stream's viewers, at the level `debug`. */
export function viewerLog(stream: string, clock: Clock, log: Log): ViewerLog {
  return ({ id, since, codec, protocol }, what, reason) => {
    const seconds = Math.round((clock.now() - since) / 1000);
    const fields = { stream, viewer: id, codec, protocol, seconds, reason };
    log(`${stream}: viewer ${id} ${what}.`, { level: "debug", ...fields });
  };
}

/** Takes a viewer that begins to watch, or that watched and left. */
export type ViewerListener = (event: "joined" | "left", viewer: ViewerInfo) => void;

/** The most viewers that {@link ViewerRecords.all} lists, the earliest first. */
const MAX_LISTED = 200;

/** The records of one stream's viewers, by WebRTC and by MJPEG. */
export class ViewerRecords {
  readonly #clock: Clock;
  readonly #all = new Map<string, { readonly record: ViewerRecord; readonly about: About }>();
  readonly #listeners = new Set<ViewerListener>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param address as {@link clientKey} makes it: IPv4, or the first 64 bits of IPv6 in hexadecimal. */
  add(transport: ViewerInfo["transport"], address: string): ViewerRecord {
    const id = randomBytes(4).toString("hex");
    const since = this.#clock.now();
    const record: ViewerRecord = {
      id,
      since,
      protocol: "tcp",
      codec: undefined,
      level: 0,
      nextLevel: 0,
      reception: undefined,
      latency: undefined,
      isWatching: transport === "mjpeg",
      joined: () => {
        record.isWatching = true;
        this.#tell("joined", record, about);
      },
      end: () => {
        if (record.isWatching) this.#tell("left", record, about);
        record.isWatching = false;
        this.#all.delete(id);
      },
    };
    const about = { id, transport, address, since };
    this.#all.set(id, { record, about });
    return record;
  }

  /** Calls the listener for each viewer that begins to watch or leaves. @returns stops that. */
  listen(listener: ViewerListener): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: "joined" | "left", record: ViewerRecord, about: About): void {
    for (const listener of this.#listeners) listener(event, infoOf(record, about));
  }

  /** Counts the viewers that watch, by how they do. */
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

  /** The viewers, joining or watching, the earliest first: at most {@link MAX_LISTED}. */
  all(): ViewerInfo[] {
    return [...this.#all.values()].slice(0, MAX_LISTED).map(({ record, about }) => infoOf(record, about));
  }
}

function infoOf(record: ViewerRecord, about: About): ViewerInfo {
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
}

/** How many viewers share these. */
export interface ViewerCount {
  readonly transport: ViewerInfo["transport"];
  readonly protocol: ViewerInfo["protocol"];
  /** Such as `vp8/0`; `mjpeg` for those without. */
  readonly rendition: string;
  count: number;
}

type About = Pick<ViewerInfo, "id" | "transport" | "address" | "since">;

/**
 * Names the network of an address, but no person in it.
 * @param address IPv4, or the first 64 bits of IPv6 in hexadecimal.
 */
function masked(address: string): string {
  if (/^(127\.[\d.]+|0{16})$/.test(address)) return "this machine";
  const ipv4 = /^(\d+\.\d+\.\d+)\.\d+$/.exec(address)?.[1];
  if (ipv4 !== undefined) return `${ipv4}.x`;
  const groups = address.match(/[\da-f]{4}/g)?.slice(0, 3) ?? [];
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":")}:x`;
}
