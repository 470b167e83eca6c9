/** Joins this server with others by Redis, if `--redis` names one: their streams, links and passed-on requests. */
import { randomUUID } from "node:crypto";
import type { Guard } from "../access/guard.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { Cluster, type ClusterOptions } from "./cluster.ts";
import { PassedOn } from "./passed-on.ts";
import type { RedisLink } from "./redis.ts";
import { SharedLinks } from "./shared-links.ts";

/** How long the start waits for Redis. */
const REDIS_TIMEOUT: Millis = 2000;

/** What {@link Membership} needs of the server. */
export interface MembershipOptions {
  readonly clock: Clock;
  readonly guard: Pick<Guard, "links" | "proxies">;
  readonly log: Log;
}

/** This server's membership in a cluster, or the lack of one. */
export class Membership {
  /** The requests that other servers pass on to this one. */
  readonly passedOn: PassedOn;
  readonly #self = randomUUID();
  readonly #redis: RedisLink | undefined;
  readonly #links: SharedLinks | undefined;
  #cluster: Cluster | undefined;

  private constructor({ clock, guard }: MembershipOptions, redis: RedisLink | undefined) {
    this.#redis = redis;
    this.#links = redis && new SharedLinks(guard.links, redis.links, clock);
    this.passedOn = new PassedOn({
      self: this.#self,
      clock,
      believe: (headers, vouched) => guard.proxies.believe(headers, vouched),
    });
  }

  /**
   * Connects to Redis, and takes over the key of share links. If Redis is away, it does so later.
   * @param config `redis` is its URL, `revokeLinks` ends all links made before.
   */
  static async open(
    { redis: url, revokeLinks }: { readonly redis?: string | undefined; readonly revokeLinks: boolean },
    options: MembershipOptions,
  ): Promise<Membership> {
    const { clock, guard, log } = options;
    // A server on its own does not load the client.
    const redis = url === undefined ? undefined : (await import("./redis.ts")).openRedis(url, log);
    const membership = new Membership(options, redis);
    if (redis) {
      await Promise.race([redis.ready, new Promise<void>((resolve) => clock.after(REDIS_TIMEOUT, resolve))]);
      await (revokeLinks ? guard.links.revokeAll() : membership.#links?.sync());
    }
    return membership;
  }

  /** The joined servers; undefined before {@link join}, and without Redis. */
  get cluster(): Cluster | undefined {
    return this.#cluster;
  }

  /** Whether Redis answers, and how many servers are joined. */
  state(): { readonly isConnected: boolean; readonly peers: number } {
    return { isConnected: this.#redis?.wire.connected ?? false, peers: this.#cluster?.size ?? 0 };
  }

  /** Whether Redis is configured but does not answer. */
  get isCutOff(): boolean {
    return this.#redis?.wire.connected === false;
  }

  /** Announces this server to the others; does nothing without Redis. */
  join(options: Omit<ClusterOptions, "self" | "key" | "wire">): void {
    if (!this.#redis) return;
    const { key } = this.passedOn;
    this.#cluster = new Cluster({ ...options, self: this.#self, key, wire: this.#redis.wire });
  }

  /** Says goodbye to the others. */
  leave(): void {
    this.#cluster?.close();
    this.#links?.close();
  }

  /** Disconnects from Redis: the last step of a stop. */
  disconnect(): void {
    this.#redis?.close();
  }
}
