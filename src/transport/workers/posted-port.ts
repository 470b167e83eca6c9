/** The port of one viewer in a worker: posts to the viewer's endpoint, which is in the main thread. */
import type { MessagePort } from "node:worker_threads";
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { MediaSender } from "../io/io.ts";
import type { Route } from "../io/route.ts";
import type { EndpointEvents } from "../port/endpoint.ts";
import type { Registration, ViewerPort } from "../port/port.ts";
import { bufferOf, copyOf, type PostedRoute, type WorkerOrder, type WorkerReport } from "./messages.ts";

/** Between two `heard` reports of a route: a fraction of the endpoint's route timeout. */
const HEARD_INTERVAL: Millis = 1000;

/** Made of an `admit` order. */
export class PostedPort implements ViewerPort {
  readonly #clock: Clock;
  readonly #owner: MessagePort;
  readonly #viewer: number;
  #candidates: string[];
  readonly #senderOf: (fd: number) => MediaSender;
  #events: EndpointEvents | undefined;
  /** The last `heard` report. */
  #reported: { readonly key: string; readonly at: EpochMs } | undefined;

  /** @param senderOf a sender on a socket of the main thread, by its descriptor. */
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
      // The main thread closes its end when it gets the `closed` report.
      close: () => {},
    };
  }

  /** Takes the candidates of an ICE restart. */
  renew(candidates: string[]): void {
    this.#candidates = candidates;
  }

  /** Takes an order for this viewer. */
  take(order: Extract<WorkerOrder, { kind: "routed" | "datagram" | "silent" }>): void {
    if (order.kind === "routed") this.#events?.routed(order.route && this.#routeOf(order.route));
    else if (order.kind === "datagram") this.#events?.[order.as](bufferOf(order.datagram), order.key);
    else this.#events?.silent();
  }

  /** Reports a route at most once per interval: a message costs as much as a packet. */
  #heard(key: string): void {
    const now = this.#clock.now();
    if (key === this.#reported?.key && now - this.#reported.at < HEARD_INTERVAL) return;
    this.#reported = { key, at: now };
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

  #post(report: WorkerReport, transfer: ArrayBuffer[] = []): void {
    this.#owner.postMessage(report, transfer);
  }
}
