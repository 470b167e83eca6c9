/** The port as one viewer in a worker sees it: its own end is in the main thread, and they meet by messages. */
import type { MessagePort } from "node:worker_threads";
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { MediaSender } from "../io/io.ts";
import type { Route } from "../io/route.ts";
import type { EndpointEvents } from "../port/endpoint.ts";
import type { Registration, ViewerPort } from "../port/port.ts";
import { bufferOf, copyOf, type PostedRoute, type WorkerOrder, type WorkerReport } from "./messages.ts";

/** A fraction of the time after which an endpoint takes a route for silent. */
const TELL_EACH: Millis = 1000;

export class PostedPort implements ViewerPort {
  readonly #clock: Clock;
  readonly #owner: MessagePort;
  readonly #viewer: number;
  #candidates: string[];
  readonly #senderOf: (fd: number) => MediaSender;
  #events: EndpointEvents | undefined;
  /** The last sign of life that the main thread knows of. */
  #told: { readonly key: string; readonly at: EpochMs } | undefined;

  /** @param senderOf sends by a socket of the main thread. */
  constructor(
    clock: Clock,
    owner: MessagePort,
    { viewer, candidates }: Extract<WorkerOrder, { kind: "admit" }>,
    senderOf: (fd: number) => MediaSender,
  ) {
    this.#clock = clock;
    this.#owner = owner;
    this.#viewer = viewer;
    this.#candidates = candidates;
    this.#senderOf = senderOf;
  }

  candidates(): string[] {
    return this.#candidates;
  }

  register(events: EndpointEvents): Registration {
    const viewer = this.#viewer;
    this.#events = events;
    return {
      handshakeDone: () => this.#post({ kind: "handshake-done", viewer }),
      heard: (key) => this.#heard(key),
      accept: (fragment, password) => this.#post({ kind: "accept", viewer, fragment, password }),
      // The main thread forgets it when it learns that the viewer is closed.
      close: () => {},
    };
  }

  /** As they are at an ICE restart. */
  renew(candidates: string[]): void {
    this.#candidates = candidates;
  }

  /** Takes what the main thread has for it. */
  take(order: Extract<WorkerOrder, { kind: "routed" | "datagram" | "silent" }>): void {
    if (order.kind === "routed") this.#events?.routed(order.route && this.#routeOf(order.route));
    else if (order.kind === "datagram") this.#events?.[order.as](bufferOf(order.datagram), order.key);
    else this.#events?.silent();
  }

  /** Tells of the same route once in a while: a message for each packet would cost as much as the packet. */
  #heard(key: string): void {
    const now = this.#clock.now();
    if (key === this.#told?.key && now - this.#told.at < TELL_EACH) return;
    this.#told = { key, at: now };
    this.#post({ kind: "heard", viewer: this.#viewer, key });
  }

  #routeOf({ address, protocol, fd }: PostedRoute): Route {
    if (fd !== undefined) return { address, protocol, ...this.#senderOf(fd).wayTo(address) };
    const send = (bytes: Buffer) => {
      const datagram = copyOf(bytes);
      this.#post({ kind: "send", viewer: this.#viewer, datagram }, [datagram.buffer]);
    };
    return {
      address,
      protocol,
      send,
      sendMedia: (sealer, header, payload, index) => send(sealer.seal(header, payload, index)),
    };
  }

  #post(report: WorkerReport, handOver: ArrayBuffer[] = []): void {
    this.#owner.postMessage(report, handOver);
  }
}
