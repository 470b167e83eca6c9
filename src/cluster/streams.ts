/** Finds streams by name, of this server and of the servers that it is joined with. */
import type { Broadcast } from "../broadcast/broadcast.ts";
import { type Claim, type Directory, DirectoryError } from "../broadcast/directory.ts";
import type { Cluster } from "./cluster.ts";
import type { RemoteStream } from "./remote-stream.ts";

/** A publisher counts more than an earlier one, and that more than none. */
const RANKS: Readonly<Record<Claim | "none", number>> = { now: 2, before: 1, none: 0 };

/** All streams, each name once. */
export class Streams {
  readonly #directory: Directory;
  readonly #cluster: () => Cluster | undefined;

  /** @param cluster undefined if the server is joined with no other. */
  constructor(directory: Directory, cluster: () => Cluster | undefined) {
    this.#directory = directory;
    this.#cluster = cluster;
  }

  /** The stream that has a publisher, or else had one, or else this server's own. */
  find(name: string): Broadcast | RemoteStream | undefined {
    return this.remote(name) ?? this.#directory.find(name);
  }

  /** The stream at another server, if that is the one to show. */
  remote(name: string): RemoteStream | undefined {
    const remote = this.#cluster()?.find(name);
    if (!remote || !this.#directory.find(name)) return remote;
    return RANKS[remote.claim] > RANKS[this.#directory.claim(name) ?? "none"] ? remote : undefined;
  }

  /** The streams of all names. */
  all(): (Broadcast | RemoteStream)[] {
    const names = [...this.#directory.all(), ...(this.#cluster()?.all() ?? [])].map(({ name }) => name);
    return [...new Set(names)].flatMap((name) => this.find(name) ?? []);
  }

  /** @throws {DirectoryError} if the stream has a publisher at another server. */
  mayPublish(name: string): void {
    if (this.remote(name)?.claim === "now")
      throw new DirectoryError(409, `The stream '${name}' is published at another server: stop that first.`);
  }
}
