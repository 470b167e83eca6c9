/**
 * The server's own TURN allocation: a relayed address for viewers that cannot reach this machine, for example behind a NAT
 * without port forwarding. One allocation carries all viewers.
 */

import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Log, LogLevel } from "../../base/log.ts";
import type { Address } from "../../network/address.ts";
import { isTurnUrl, type TurnCredentials } from "../../network/ice-servers.ts";
import type { Route } from "../io/route.ts";
import { TurnClient } from "../stun/turn-client.ts";
import { openTurnConnection, readServerUrl, type TurnConnection } from "../stun/turn-connection.ts";

/** What a relay is made of. */
export interface RelayOptions {
  readonly clock: Clock;
  /** URLs of TURN servers, tried in order. */
  readonly servers: readonly string[];
  /** Makes credentials for an allocation; undefined if none are configured. */
  readonly credentials: () => TurnCredentials | undefined;
  readonly on: {
    message(datagram: Buffer, key: string, routeOf: () => Route): void;
    /** A route is closed. */
    closed(key: string): void;
  };
  readonly log: Log;
  /** Connects to a server; tests replace it. */
  readonly open?: typeof openTurnConnection;
}

/** For the connection to a server, and for each answer. */
const ANSWER_TIMEOUT: Millis = 5000;

/** Between attempts while no server relays. */
const RETRY_INTERVAL: Millis = 30_000;

/** Allocates at once, and again whenever the allocation is lost. */
export class Relay {
  readonly #options: RelayOptions;
  readonly #peers = new Map<string, Address>();
  #address: Address | undefined;
  #client: TurnClient | undefined;
  #connection: TurnConnection | undefined;
  #stopWaiting: Cancel | undefined;
  /** The last line logged: repeated failures are logged once. */
  #logged = "";
  #closed = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    void this.#start();
  }

  /** The relayed candidate (RFC 8839, section 5.1), with the lowest priority; none while no server relays. */
  candidates(): string[] {
    if (!this.#address) return [];
    const { ip, port } = this.#address;
    // The real related address would reveal this machine's own.
    const related = ip.includes(":") ? "::" : "0.0.0.0";
    return [
      `a=candidate:relay0 1 udp ${65_535 * 2 ** 8 + 255} ${ip} ${port} typ relay raddr ${related} rport 0`,
    ];
  }

  /** The viewer left this route. Ignores keys of other routes. */
  end(key: string): void {
    const peer = this.#peers.get(key);
    if (!peer) return;
    this.#peers.delete(key);
    this.#client?.closeChannel(peer);
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting?.();
    this.#release();
  }

  async #start(): Promise<void> {
    const problems: string[] = [];
    for (const url of this.#options.servers.filter(isTurnUrl)) {
      if (this.#closed) return;
      try {
        await this.#allocate(url);
        return;
      } catch (error) {
        this.#release();
        problems.push(`${url}: ${reasonOf(error)}`);
      }
    }
    if (this.#closed) return;
    this.#log(
      `No TURN server relays for this server: ${problems.join("; ")}. Retrying every ${RETRY_INTERVAL / 1000} seconds.`,
      "warn",
    );
    this.#stopWaiting = this.#options.clock.after(RETRY_INTERVAL, () => void this.#start());
  }

  /** Rejects if the server cannot be reached, or refuses. */
  async #allocate(url: string): Promise<void> {
    const { clock, credentials, on, open = openTurnConnection } = this.#options;
    const events = {
      message: (message: Buffer) => client?.receive(message),
      lost: (why: string) => this.#lost(client, why),
    };
    let client: TurnClient | undefined;
    const connection = await open(readServerUrl(url), events, { localPort: 0, timeout: ANSWER_TIMEOUT });
    this.#connection = connection;
    client = new TurnClient({
      clock,
      credentials: credentials(),
      timeout: ANSWER_TIMEOUT,
      send: (message) => connection.send(message),
      data: (from, datagram) => on.message(datagram, keyOf(from), () => this.#routeTo(from)),
      lost: (why) => this.#lost(client, why),
    });
    this.#client = client;
    const address = await client.allocate();
    // Viewers use relays of their own at the same server; their other addresses are unknown until they send a check.
    await client.permit(address.ip);
    if (this.#closed) {
      this.#release();
      return;
    }
    this.#address = address;
    this.#log(`Viewers without a direct route can connect through the TURN server ${url}.`);
  }

  #routeTo(address: Address): Route {
    const client = this.#client;
    this.#peers.set(keyOf(address), address);
    client?.openChannel(address);
    return {
      address,
      protocol: "relay",
      send: (datagram) => client?.sendTo(address, datagram),
      sendMedia: (sealer, header, payload, index) =>
        client?.sendTo(address, sealer.seal(header, payload, index)),
    };
  }

  #lost(client: TurnClient | undefined, why: string): void {
    // The client was released, or has no allocation yet.
    if (client === undefined || client !== this.#client || !this.#address) return;
    this.#release();
    this.#log(`The TURN allocation was lost: ${why}. Allocating again.`, "warn");
    for (const key of this.#peers.keys()) this.#options.on.closed(key);
    this.#peers.clear();
    void this.#start();
  }

  #release(): void {
    const [client, connection] = [this.#client, this.#connection];
    this.#address = undefined;
    this.#client = undefined;
    this.#connection = undefined;
    client?.close();
    connection?.close();
  }

  #log(line: string, level: LogLevel = "info"): void {
    if (line !== this.#logged) this.#options.log(line, { level });
    this.#logged = line;
  }
}

function keyOf({ ip, port }: Address): string {
  return `relay ${ip} ${port}`;
}
