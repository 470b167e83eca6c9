/**
 * One viewer's end of the port: the addresses that have proved to be its own, which of them is in use, and what of its
 * packets may reach the layers above. Nothing passes that has not been vouched for: connectivity checks by their
 * MESSAGE-INTEGRITY, all else by coming from an address that such a check came from.
 */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { DtlsGate } from "../dtls/gate.ts";
import type { Route } from "../io/route.ts";
import { type BindingRequest, bindingResponse } from "../stun/stun.ts";

/** Addresses one viewer may be heard from at once: its interfaces, and where a NAT moved it to. */
const MAX_ROUTES = 16;

/** After this long without a sign of the viewer on the route in use, another that it is heard on takes over. */
const ROUTE_SILENCE: Millis = 3000;

/**
 * Browsers report each second, and check each few seconds that we are there; one silent for this long is gone. Networks
 * stall for seconds, and then its picture is back at once; RFC 7675, section 5.1, lets half a minute pass.
 */
export const VIEWER_TIMEOUT: Millis = 13_500;

/** Datagrams of one viewer that are read within a second: browsers send some dozens, and each costs a decryption. */
const MAX_DATAGRAMS = 400;

/** Checks of which the transaction is remembered, so that one recorded on its way cannot be sent from elsewhere. */
const REMEMBERED_CHECKS = 64;

/** What an endpoint hands on. None of these may throw. */
export interface EndpointEvents {
  /** The way to the viewer is another; undefined where there is none any more. */
  routed(route: Route | undefined): void;
  /** The viewer has nominated a route for the first time. */
  nominated(check: Buffer): void;
  /** @param key of its route, to tell {@link Endpoint.heard} of where it is authentic. */
  dtls(datagram: Buffer, key: string): void;
  /** SRTP or SRTCP; the key as above. */
  rtp(datagram: Buffer, key: string): void;
  /** It is not heard any more. */
  silent(): void;
}

export class Endpoint {
  readonly #clock: Clock;
  readonly #events: EndpointEvents;
  /** The newest last. */
  readonly #routes = new Map<string, { readonly route: Route; heardAt: EpochMs }>();
  readonly #checks = new Map<string, string>();
  #inUse: string | undefined;
  #secondBegan: EpochMs;
  #inSecond = 0;
  /** As told last. */
  #told: Route | undefined;
  #wasChosen = false;
  #isConnected = false;
  readonly #gate = new DtlsGate();
  #heardAt: EpochMs;

  constructor(clock: Clock, events: EndpointEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#heardAt = clock.now();
    this.#secondBegan = this.#heardAt;
  }

  /** The route in use; undefined before the viewer has nominated one. */
  get route(): Route | undefined {
    return this.#inUse === undefined ? undefined : this.#routes.get(this.#inUse)?.route;
  }

  /** As {@link DtlsGate.handshakeDone}. */
  handshakeDone(): void {
    this.#gate.handshakeDone();
    this.#isConnected = true;
  }

  /** To be called once a second: tells of a viewer that was connected, and is silent. */
  checkFreshness(): void {
    if (this.#isConnected && this.#clock.now() - this.#heardAt > VIEWER_TIMEOUT) this.#events.silent();
  }

  /** Whether the viewer has been heard at this address of late. */
  holds(key: string): boolean {
    const known = this.#routes.get(key);
    return known !== undefined && this.#clock.now() - known.heardAt < ROUTE_SILENCE;
  }

  /** A packet that came by this route has proved to be the viewer's, and no copy: nothing else is a sign of life. */
  heard(key: string): void {
    const known = this.#routes.get(key);
    if (!known) return;
    known.heardAt = this.#clock.now();
    this.#heardAt = known.heardAt;
  }

  /**
   * Takes an authentic check, and answers it.
   * @returns the keys of routes that this one takes the place of; undefined where the check is a copy of another.
   */
  check(
    datagram: Buffer,
    request: BindingRequest,
    password: string,
    key: string,
    route: Route,
  ): string[] | undefined {
    const transaction = request.transaction.toString("latin1");
    const before = this.#checks.get(transaction);
    if (before !== undefined) return this.#checkAgain(request, password, before === key ? key : undefined);
    this.#checks.set(transaction, key);
    dropOldest(this.#checks, REMEMBERED_CHECKS);

    const known = this.#routes.get(key)?.route ?? route;
    this.#heardAt = this.#clock.now();
    this.#routes.delete(key);
    this.#routes.set(key, { route: known, heardAt: this.#heardAt });
    if (request.useCandidate || this.#isSilent()) this.#inUse = key;
    const dropped = dropOldest(this.#routes, MAX_ROUTES, this.#inUse);
    this.#tell();
    known.send(bindingResponse(request, known.address, password));
    if (this.#inUse !== undefined && !this.#wasChosen) {
      this.#wasChosen = true;
      this.#events.nominated(datagram);
    }
    return dropped;
  }

  /** A copy of a check: the answer may be lost, but whoever listens on the way can send one, so that it moves nothing. */
  #checkAgain(request: BindingRequest, password: string, key: string | undefined): string[] | undefined {
    const known = key === undefined ? undefined : this.#routes.get(key);
    known?.route.send(bindingResponse(request, known.route.address, password));
    return known && [];
  }

  /**
   * Takes anything else that came by one of its routes.
   * @returns false for what must not pass.
   */
  receive(datagram: Buffer, key: string): boolean {
    if (!this.#routes.has(key) || this.#isFlood()) return false;
    if ((datagram[0] ?? 0) >= 64) {
      this.#events.rtp(datagram, key);
      return true;
    }
    const sound = this.#gate.pass(datagram);
    if (sound) this.#events.dtls(sound, key);
    return sound !== undefined;
  }

  /** A route that is closed, as TCP connections are. */
  lost(key: string): void {
    this.#routes.delete(key);
    if (this.#inUse === key) this.#inUse = [...this.#routes.keys()].at(-1);
    this.#tell();
  }

  keys(): Iterable<string> {
    return this.#routes.keys();
  }

  #isFlood(): boolean {
    const now = this.#clock.now();
    if (now - this.#secondBegan >= 1000) {
      this.#secondBegan = now;
      this.#inSecond = 0;
    }
    return ++this.#inSecond > MAX_DATAGRAMS;
  }

  #tell(): void {
    const { route } = this;
    if (route === this.#told) return;
    this.#told = route;
    this.#events.routed(route);
  }

  /** Nothing is heard on the route that was nominated, or it is lost. */
  #isSilent(): boolean {
    return this.#inUse === undefined ? this.#wasChosen : !this.holds(this.#inUse);
  }
}

/** Drops the oldest but `kept`. */
function dropOldest<V>(map: Map<string, V>, most: number, kept?: string): string[] {
  if (map.size <= most) return [];
  const oldest = [...map.keys()].filter((key) => key !== kept).slice(0, map.size - most);
  for (const key of oldest) map.delete(key);
  return oldest;
}
