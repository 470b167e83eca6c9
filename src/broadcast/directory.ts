/** All broadcasts by name: some from the start, others made by who publishes them. */

import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { StreamInfo } from "../shared/protocol.ts";
import type { IngestSource } from "../source/ingest/ingest.ts";
import type { Broadcast } from "./broadcast.ts";

/** A broadcast that a publisher made goes when it has had no publisher, and nobody follows it, for this long. */
const FORGET_AFTER: Millis = 60_000;

/** Whether a publisher of a stream is there now, or was before. */
export const CLAIMS = ["now", "before"] as const;
export type Claim = (typeof CLAIMS)[number];

export interface Entry {
  readonly broadcast: Broadcast;
  /** Where publishers of this broadcast go; undefined where it has another source. */
  readonly ingest: IngestSource | undefined;
  /** Stays, publisher or not. */
  readonly permanent: boolean;
}

/** No broadcast of that name can be made; the message says why. */
export class DirectoryError extends Error {
  readonly status: 404 | 409 | 503;

  constructor(status: DirectoryError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

export class Directory {
  readonly #entries = new Map<string, Entry>();
  /** Those that are being made: who publishes the same name meanwhile waits for them. */
  readonly #making = new Map<string, Promise<Entry>>();
  readonly #make: (name: string) => Promise<Entry>;
  readonly #maxStreams: number;
  readonly #stopSweeping: Cancel;

  /** @param make makes and starts the broadcast of a publisher's name. */
  constructor(clock: Clock, maxStreams: number, make: (name: string) => Promise<Entry>) {
    this.#maxStreams = maxStreams;
    this.#make = make;
    this.#stopSweeping = clock.every(FORGET_AFTER / 4, () => void this.#sweep());
  }

  add(entry: Entry): void {
    this.#entries.set(entry.broadcast.name, entry);
  }

  find(name: string): Broadcast | undefined {
    return this.#entries.get(name)?.broadcast;
  }

  /** Undefined where nobody has ever published it here: the built-in scene is nobody's. */
  claim(name: string): Claim | undefined {
    const entry = this.#entries.get(name);
    return entry && (entry.ingest ? entry.ingest.claim : "now");
  }

  /** Those that are published, or were, as other servers are told of them. */
  claimed(): { readonly info: StreamInfo; readonly claim: Claim }[] {
    return this.all().flatMap((broadcast) => {
      const claim = this.claim(broadcast.name);
      return claim ? [{ info: broadcast.info(), claim }] : [];
    });
  }

  all(): Broadcast[] {
    return [...this.#entries.values()].map(({ broadcast }) => broadcast);
  }

  /**
   * Where a publisher of this name goes: to the broadcast that is there, or to a new one.
   * @throws {DirectoryError}
   */
  async ingestOf(name: string): Promise<IngestSource> {
    if (!STREAM_NAME.test(name)) {
      throw new DirectoryError(404, `A stream's name is ${STREAM_NAME_RULE}.`);
    }
    const entry = this.#entries.get(name) ?? (await this.#create(name));
    if (!entry.ingest)
      throw new DirectoryError(409, `The stream '${name}' has another source: use another name.`);
    return entry.ingest;
  }

  async close(): Promise<void> {
    this.#stopSweeping();
    await Promise.all(this.all().map((broadcast) => broadcast.close()));
  }

  async #create(name: string): Promise<Entry> {
    const first = this.#making.get(name);
    if (first) return first;
    if (this.#entries.size + this.#making.size >= this.#maxStreams) {
      throw new DirectoryError(503, "There are as many streams as this server takes; try again later.");
    }
    const making = this.#make(name);
    this.#making.set(name, making);
    try {
      const entry = await making;
      this.#entries.set(name, entry);
      // Who was refused before it showed anything leaves no stream behind.
      entry.ingest?.whenUnused(() => {
        if (!entry.broadcast.followed) void this.#forget(entry.broadcast);
      });
      return entry;
    } finally {
      this.#making.delete(name);
    }
  }

  async #sweep(): Promise<void> {
    for (const { broadcast, ingest, permanent } of this.#entries.values()) {
      if (permanent || broadcast.followed || (ingest?.abandonedFor ?? 0) < FORGET_AFTER) continue;
      await this.#forget(broadcast);
    }
  }

  async #forget(broadcast: Broadcast): Promise<void> {
    this.#entries.delete(broadcast.name);
    await broadcast.close();
  }
}
