/** The port as one viewer in a worker sees it: its own end is in the main thread, and they meet by messages. */
import type { MessagePort } from "node:worker_threads";
import type { EndpointEvents } from "../endpoint.ts";
import type { MediaSender } from "../io.ts";
import type { Registration, ViewerPort } from "../port.ts";
import type { Route } from "../route.ts";
import { bufferOf, copyOf, type PostedRoute, type WorkerOrder, type WorkerReport } from "./messages.ts";

export class PostedPort implements ViewerPort {
  readonly #owner: MessagePort;
  readonly #viewer: number;
  #candidates: string[];
  readonly #senderOf: (fd: number) => MediaSender;
  #events: EndpointEvents | undefined;

  /** @param senderOf sends by a socket of the main thread. */
  constructor(
    owner: MessagePort,
    { viewer, candidates }: Extract<WorkerOrder, { kind: "admit" }>,
    senderOf: (fd: number) => MediaSender,
  ) {
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
    else if (order.kind === "datagram") this.#events?.[order.as](bufferOf(order.datagram));
    else this.#events?.silent();
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
