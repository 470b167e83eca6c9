/**
 * The server's own place at a TURN server: an address there that viewers can reach where none of this machine's can be,
 * since it is behind a NAT that forwards nothing. One allocation carries all of them.
 */

import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Address } from "../../network/address.ts";
import { isTurnUrl, type TurnCredentials } from "../../network/ice-servers.ts";
import type { Route } from "../io/route.ts";
import { TurnClient } from "../stun/turn-client.ts";
import { openTurnConnection, readServerUrl, type TurnConnection } from "../stun/turn-connection.ts";

export interface RelayOptions {
  readonly clock: Clock;
  /** The TURN servers, by their URLs; the first that relays is taken. */
  readonly servers: readonly string[];
  /** New ones, for an allocation. */
  readonly credentials: () => TurnCredentials | undefined;
  readonly on: {
    message(datagram: Buffer, key: string, routeOf: () => Route): void;
    /** A way is closed. */
    closed(key: string): void;
  };
  readonly log: (line: string) => void;
  /** Only tests pass their own. */
  readonly open?: typeof openTurnConnection;
}

const ANSWERS_WITHIN: Millis = 5000;

/** Between tries, while no server relays. */
const AGAIN_AFTER: Millis = 30_000;

export class Relay {
  readonly #options: RelayOptions;
  readonly #peers = new Map<string, Address>();
  #address: Address | undefined;
  #client: TurnClient | undefined;
  #wire: TurnConnection | undefined;
  #stopWaiting: Cancel | undefined;
  /** As told last. */
  #told = "";
  #closed = false;

  /** It begins at once, and again whenever it is lost. */
  constructor(options: RelayOptions) {
    this.#options = options;
    void this.#begin();
  }

  /** A line of a session description (RFC 8839, section 5.1), with the lowest preference; none while nobody relays. */
  candidates(): string[] {
    if (!this.#address) return [];
    const { ip, port } = this.#address;
    // What is behind the relay is nobody's business.
    const related = ip.includes(":") ? "::" : "0.0.0.0";
    return [
      `a=candidate:relay0 1 udp ${65_535 * 2 ** 8 + 255} ${ip} ${port} typ relay raddr ${related} rport 0`,
    ];
  }

  /** A viewer's way is not used any more. Other keys it does not know. */
  end(key: string): void {
    const peer = this.#peers.get(key);
    if (!peer) return;
    this.#peers.delete(key);
    this.#client?.closeChannel(peer);
  }

  close(): void {
    this.#closed = true;
    this.#stopWaiting?.();
    this.#letGo();
  }

  async #begin(): Promise<void> {
    const problems: string[] = [];
    for (const url of this.#options.servers.filter(isTurnUrl)) {
      if (this.#closed) return;
      try {
        await this.#allocate(url);
        return;
      } catch (error) {
        this.#letGo();
        problems.push(`${url}: ${reasonOf(error)}`);
      }
    }
    if (this.#closed) return;
    this.#tell(`No TURN server relays for this server: ${problems.join("; ")}.`);
    this.#stopWaiting = this.#options.clock.after(AGAIN_AFTER, () => void this.#begin());
  }

  /** Rejects where the server cannot be reached, or does not relay. */
  async #allocate(url: string): Promise<void> {
    const { clock, credentials, on, open = openTurnConnection } = this.#options;
    const events = {
      message: (message: Buffer) => client?.receive(message),
      lost: (why: string) => this.#lost(client, why),
    };
    let client: TurnClient | undefined;
    const wire = await open(readServerUrl(url), events, { localPort: 0, within: ANSWERS_WITHIN });
    this.#wire = wire;
    client = new TurnClient({
      clock,
      credentials: credentials(),
      timeout: ANSWERS_WITHIN,
      send: (message) => wire.send(message),
      data: (from, datagram) => on.message(datagram, keyOf(from), () => this.#routeTo(from)),
      lost: (why) => this.#lost(client, why),
    });
    this.#client = client;
    const address = await client.allocate();
    // Viewers come by relays of their own at the same server: where else they are is not known before they come.
    await client.permit(address.ip);
    if (this.#closed) {
      this.#letGo();
      return;
    }
    this.#address = address;
    this.#tell(`Viewers that find no other way come by TURN: ${url} relays for this server.`);
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
    // Of one that was let go, or that has not relayed yet.
    if (client === undefined || client !== this.#client || !this.#address) return;
    this.#letGo();
    this.#tell(`The TURN server relays for this server no more: ${why}.`);
    for (const key of this.#peers.keys()) this.#options.on.closed(key);
    this.#peers.clear();
    void this.#begin();
  }

  #letGo(): void {
    const [client, wire] = [this.#client, this.#wire];
    this.#address = undefined;
    this.#client = undefined;
    this.#wire = undefined;
    client?.close();
    wire?.close();
  }

  #tell(line: string): void {
    if (line !== this.#told) this.#options.log(line);
    this.#told = line;
  }
}

function keyOf({ ip, port }: Address): string {
  return `relay ${ip} ${port}`;
}
