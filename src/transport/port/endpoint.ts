/**
 * One viewer's end of the port: its validated routes, the selected one, and which of its packets may reach the layers above.
 * A connectivity check passes by its MESSAGE-INTEGRITY, any other packet by coming from an address that such a check came
 * from.
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { DtlsGate } from "../dtls/gate.ts";
import type { Route } from "../io/route.ts";
import { type BindingRequest, bindingResponse } from "../stun/check.ts";

/** Validated routes of one viewer: its interfaces, and new ports that a NAT gave it. */
const MAX_ROUTES = 16;

/** If the selected route is silent for this long, the next checked route replaces it. */
const ROUTE_TIMEOUT: Millis = 3000;

/**
 * A viewer silent for this long is gone. Browsers send reports every second and consent checks every few seconds, but
 * networks stall for seconds too. RFC 7675, section 5.1, lets consent expire after 30 seconds.
 */
export const VIEWER_TIMEOUT: Millis = 13_500;

/** Datagrams read per second and viewer: browsers send a few dozen, and each costs a decryption. */
const MAX_DATAGRAMS_PER_SECOND = 400;

/** Transactions remembered, so that a check recorded on the network cannot be replayed from another address. */
const MAX_TRANSACTIONS = 64;

/** What an endpoint passes on. None of these may throw. */
export interface EndpointEvents {
  /** The selected route changed; undefined if there is none left. */
  routed(route: Route | undefined): void;
  /** The viewer nominated a route for the first time. */
  nominated(check: Buffer): void;
  /** @param key identifies the route: call {@link Endpoint.heard} with it if the datagram is authentic. */
  dtls(datagram: Buffer, key: string): void;
  /** SRTP or SRTCP; `key` as above. */
  rtp(datagram: Buffer, key: string): void;
  /** The viewer has been silent for {@link VIEWER_TIMEOUT}. */
  silent(): void;
}

/** One viewer, from its first check on. */
export class Endpoint {
  readonly #clock: Clock;
  readonly #events: EndpointEvents;
  /** By key, the one checked last at the end. */
  readonly #routes = new Map<string, { readonly route: Route; heardAt: EpochMs }>();
  /** The route key of each recent transaction. */
  readonly #transactions = new Map<string, string>();
  #selected: string | undefined;
  #secondBegan: EpochMs;
  #inSecond = 0;
  /** As reported last. */
  #reported: Route | undefined;
  #wasNominated = false;
  #isConnected = false;
  readonly #gate = new DtlsGate();
  #heardAt: EpochMs;

  constructor(clock: Clock, events: EndpointEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#heardAt = clock.now();
    this.#secondBegan = this.#heardAt;
  }

  /** The selected route; undefined before the viewer nominates one. */
  get route(): Route | undefined {
    return this.#selected === undefined ? undefined : this.#routes.get(this.#selected)?.route;
  }

  /** As {@link DtlsGate.handshakeDone}. */
  handshakeDone(): void {
    this.#gate.handshakeDone();
    this.#isConnected = true;
  }

  /** Reports a connected viewer that is silent. Call it once a second. */
  checkFreshness(): void {
    if (this.#isConnected && this.#clock.now() - this.#heardAt > VIEWER_TIMEOUT) this.#events.silent();
  }

  /** Whether the viewer was heard on this route within {@link ROUTE_TIMEOUT}. */
  holds(key: string): boolean {
    const known = this.#routes.get(key);
    return known !== undefined && this.#clock.now() - known.heardAt < ROUTE_TIMEOUT;
  }

  /** A packet on this route was authentic and no replay: only that refreshes consent. */
  heard(key: string): void {
    const known = this.#routes.get(key);
    if (!known) return;
    known.heardAt = this.#clock.now();
    this.#heardAt = known.heardAt;
  }

  /**
   * Takes an authentic check, and answers it.
   * @returns the keys of the routes that this one evicts; undefined if the check is a replay.
   */
  check(
    datagram: Buffer,
    request: BindingRequest,
    password: string,
    key: string,
    route: Route,
  ): string[] | undefined {
    const transaction = request.transaction.toString("latin1");
    const previous = this.#transactions.get(transaction);
    if (previous !== undefined)
      return this.#answerReplay(request, password, previous === key ? key : undefined);
    this.#transactions.set(transaction, key);
    dropOldest(this.#transactions, MAX_TRANSACTIONS);

    const known = this.#routes.get(key)?.route ?? route;
    this.#heardAt = this.#clock.now();
    this.#routes.delete(key);
    this.#routes.set(key, { route: known, heardAt: this.#heardAt });
    if (request.useCandidate || this.#isSilent()) this.#selected = key;
    const dropped = dropOldest(this.#routes, MAX_ROUTES, this.#selected);
    this.#reportRoute();
    known.send(bindingResponse(request, known.address, password));
    if (this.#selected !== undefined && !this.#wasNominated) {
      this.#wasNominated = true;
      this.#events.nominated(datagram);
    }
    return dropped;
  }

  /** Answers a retransmitted check. It changes no route, because an eavesdropper can replay it. */
  #answerReplay(request: BindingRequest, password: string, key: string | undefined): string[] | undefined {
    const known = key === undefined ? undefined : this.#routes.get(key);
    known?.route.send(bindingResponse(request, known.route.address, password));
    return known && [];
  }

  /**
   * Takes a datagram other than a check.
   * @returns false if it must not pass.
   */
  receive(datagram: Buffer, key: string): boolean {
    if (!this.#routes.has(key) || this.#isFlood()) return false;
    if ((datagram[0] ?? 0) >= 64) {
      this.#events.rtp(datagram, key);
      return true;
    }
    const records = this.#gate.pass(datagram);
    if (records) this.#events.dtls(records, key);
    return records !== undefined;
  }

  /** The route is closed: a TCP connection, or the relay. */
  lost(key: string): void {
    this.#routes.delete(key);
    if (this.#selected === key) this.#selected = [...this.#routes.keys()].at(-1);
    this.#reportRoute();
  }

  /** The keys of its routes. */
  keys(): Iterable<string> {
    return this.#routes.keys();
  }

  #isFlood(): boolean {
    const now = this.#clock.now();
    if (now - this.#secondBegan >= 1000) {
      this.#secondBegan = now;
      this.#inSecond = 0;
    }
    return ++this.#inSecond > MAX_DATAGRAMS_PER_SECOND;
  }

  #reportRoute(): void {
    const { route } = this;
    if (route === this.#reported) return;
    this.#reported = route;
    this.#events.routed(route);
  }

  /** Whether the selected route is silent, or lost. */
  #isSilent(): boolean {
    return this.#selected === undefined ? this.#wasNominated : !this.holds(this.#selected);
  }
}

/** Removes the oldest entries above `most`, but never `kept`. */
function dropOldest<V>(map: Map<string, V>, most: number, kept?: string): string[] {
  if (map.size <= most) return [];
  const oldest = [...map.keys()].filter((key) => key !== kept).slice(0, map.size - most);
  for (const key of oldest) map.delete(key);
  return oldest;
}
