/** The broadcasts of this server by name: the first stream, and one for each further name that is published. */

import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { STREAM_NAME, STREAM_NAME_RULE } from "../base/stream-name.ts";
import type { StreamInfo } from "../shared/protocol.ts";
import type { IngestSource } from "../source/ingest/ingest.ts";
import type { Broadcast } from "./broadcast.ts";

/** A published stream without a publisher or followers is forgotten after this time. */
const FORGET_AFTER: Millis = 60_000;

/** Whether a stream has a publisher `now`, or had one `before`. */
export const CLAIMS = ["now", "before"] as const;
/** One of {@link CLAIMS}. */
export type Claim = (typeof CLAIMS)[number];

/** A broadcast in the directory. */
export interface Entry {
  readonly broadcast: Broadcast;
  /** Takes the publishers of this broadcast; undefined if it has another source. */
  readonly ingest: IngestSource | undefined;
  /** Whether it stays without a publisher. */
  readonly permanent: boolean;
}

/** A name that cannot be published. The message says why, and `status` is the HTTP status. */
export class DirectoryError extends Error {
  readonly status: 404 | 409 | 503;

  constructor(status: DirectoryError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** Finds, makes and forgets the broadcasts of this server. */
export class Directory {
  readonly #entries = new Map<string, Entry>();
  /** Broadcasts being made: another publisher of the same name waits for them. */
  readonly #making = new Map<string, Promise<Entry>>();
  readonly #make: (name: string) => Promise<Entry>;
  readonly #maxStreams: number;
  readonly #stopSweeping: Cancel;

  /** @param make makes and starts the broadcast for a new name. */
  constructor(clock: Clock, maxStreams: number, make: (name: string) => Promise<Entry>) {
    this.#maxStreams = maxStreams;
    this.#make = make;
    this.#stopSweeping = clock.every(FORGET_AFTER / 4, () => void this.#sweep());
  }

  /** Adds a broadcast that does not come from {@link ingestOf}. */
  add(entry: Entry): void {
    this.#entries.set(entry.broadcast.name, entry);
  }

  /** The broadcast of this name on this server. */
  find(name: string): Broadcast | undefined {
    return this.#entries.get(name)?.broadcast;
  }

  /** Undefined if it was never published here: the built-in scene is no claim. */
  claim(name: string): Claim | undefined {
    const entry = this.#entries.get(name);
    return entry && (entry.ingest ? entry.ingest.claim : "now");
  }

  /** The streams with a claim, as this server announces them to joined servers. */
  claimed(): { readonly info: StreamInfo; readonly claim: Claim }[] {
    return this.all().flatMap((broadcast) => {
      const claim = this.claim(broadcast.name);
      return claim ? [{ info: broadcast.info(), claim }] : [];
    });
  }

  /** All broadcasts of this server. */
  all(): Broadcast[] {
    return [...this.#entries.values()].map(({ broadcast }) => broadcast);
  }

  /**
   * The ingest for a publisher of this name: of the present broadcast, or of a new one.
   * @throws {DirectoryError} if the name cannot be published.
   */
  async ingestOf(name: string): Promise<IngestSource> {
    const { ingest } = await this.open(name);
    if (!ingest) throw new DirectoryError(409, `The stream '${name}' has another source: use another name.`);
    return ingest;
  }

  /**
   * The present broadcast of this name, or a new one.
   * @throws {DirectoryError} if the name cannot be published.
   */
  async open(name: string): Promise<Entry> {
    if (!STREAM_NAME.test(name)) {
      throw new DirectoryError(404, `A stream's name is ${STREAM_NAME_RULE}.`);
    }
    return this.#entries.get(name) ?? (await this.#create(name));
  }

  /** Closes all broadcasts. */
  async close(): Promise<void> {
    this.#stopSweeping();
    await Promise.all(this.all().map((broadcast) => broadcast.close()));
  }

  async #create(name: string): Promise<Entry> {
    const first = this.#making.get(name);
    if (first) return first;
    if (this.#entries.size + this.#making.size >= this.#maxStreams) {
      throw new DirectoryError(503, "This server has no room for more streams; try again later.");
    }
    const making = this.#make(name);
    this.#making.set(name, making);
    try {
      const entry = await making;
      this.#entries.set(name, entry);
      // A publisher that is refused before its first picture must leave no stream behind.
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
