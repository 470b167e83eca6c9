/** The listening HTTP sockets of one server. */

import { createServer, type RequestListener, type Server } from "node:http";
import { limitConnections } from "../access/address-limits.ts";
import type { Proxies } from "../access/proxies.ts";
import type { Cancel, Clock, EpochMs } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { lanAddresses, originOf } from "../network/machine-addresses.ts";
import { hostPort } from "../shared/host-port.ts";
import { handleInTurn } from "./in-turn.ts";
import { listen, listenLocally, newWebServer, portOf } from "./listen.ts";
import { limitRequests } from "./request-timeout.ts";
import { type Credentials, endOf, namesOf, type Tls } from "./tls.ts";

/** Whether a server with this `--host` listens on all addresses of the machine. */
export function isEveryAddress(host: string): boolean {
  return host === "::" || host === "0.0.0.0";
}

/** What {@link WebServers} needs besides the options. */
export interface WebServersOptions {
  readonly tls: Tls | undefined;
  /** @param local whether the app serves the Unix socket. */
  readonly app: (local: boolean) => RequestListener;
  /** Whether this server starts a Blender, which publishes to it. */
  readonly startsBlender: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** The listening sockets: the public one, `--ingest-socket`, and one for the own Blender. */
export class WebServers {
  /** The public one, of HTTP or HTTPS. */
  readonly main: Server;
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #ingest: Server | undefined;
  /** A certificate names hosts on the network, so the own Blender publishes over plain HTTP on loopback. */
  readonly #loopback: Server | undefined;
  /** The host names of the certificate; none without one. */
  readonly certifiedNames: readonly string[];
  readonly #stopRenewals: Cancel;
  readonly #credentials: () => Credentials | undefined;

  /** They listen from {@link listen} on. */
  constructor(config: Config, { tls, app, startsBlender, clock, log }: WebServersOptions) {
    this.#config = config;
    this.#clock = clock;
    const { server, stopRenewals, credentials } = newWebServer(tls, app(false), { clock, log });
    this.main = server;
    this.#credentials = credentials;
    this.#stopRenewals = stopRenewals;
    this.certifiedNames = tls ? namesOf(tls.credentials) : [];
    this.#ingest = config.ingestSocket === undefined ? undefined : createServer(app(true));
    this.#loopback = tls && startsBlender ? createServer(app(false)) : undefined;
  }

  /** When the certificate in use expires; undefined without one. */
  get certificateEnd(): EpochMs | undefined {
    const credentials = this.#credentials();
    return credentials && endOf(credentials);
  }

  /** The public TCP port, once it listens. */
  get port(): number {
    return portOf(this.main);
  }

  /** The URL by which the own Blender reaches this server. */
  get blenderUrl(): string {
    if (this.#loopback) return `http://${hostPort("127.0.0.1", portOf(this.#loopback))}`;
    const { host } = this.#config;
    return `http://${hostPort(isEveryAddress(host) ? "127.0.0.1" : host, this.port)}`;
  }

  /** The URL by which joined servers reach this one. */
  get peerUrl(): string {
    const { host } = this.#config;
    return originOf(isEveryAddress(host) ? (lanAddresses()[0] ?? "127.0.0.1") : host, this.port, false);
  }

  /** The names and addresses by which other machines reach this one, the best first. */
  reachableHosts(): string[] {
    const { host, announce = [] } = this.#config;
    return [
      ...this.certifiedNames,
      ...announce.map((one) => one.host),
      ...(isEveryAddress(host) ? lanAddresses() : []),
    ];
  }

  /**
   * Limits requests and connections. Call it when everything that takes requests listens to {@link main}.
   * @param isPeer whether a joined server has that address.
   */
  limit(proxies: Proxies, isPeer: (address: string) => boolean): void {
    for (const server of this.#all) {
      handleInTurn(server);
      limitRequests(server, this.#clock);
    }
    limitConnections(this.main, proxies, isPeer);
  }

  /** @throws {UsageError} if an address or the path of the Unix socket is not available. */
  async listen(): Promise<void> {
    const { host, port, ingestSocket } = this.#config;
    await listen(this.main, host, port);
    if (this.#loopback) await listen(this.#loopback, "127.0.0.1", 0);
    if (this.#ingest && ingestSocket !== undefined) await listenLocally(this.#ingest, ingestSocket);
  }

  /** Ends all connections and listens no more; whatever serves signaling closes {@link main}. */
  close(): void {
    this.#stopRenewals();
    for (const server of this.#all) {
      server.closeAllConnections();
      if (server !== this.main) server.close();
    }
  }

  get #all(): Server[] {
    return [this.main, this.#ingest, this.#loopback].filter((server) => server !== undefined);
  }
}
