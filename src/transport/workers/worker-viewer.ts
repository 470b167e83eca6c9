/** One viewer of a media worker, in the main thread: its end of the port, and its offers that wait for an answer. */
import type { Codec } from "../../media/frame.ts";
import { OfferError, type ViewerEvents } from "../audience/viewer.ts";
import type { Route } from "../io/route.ts";
import type { Registration, RtcPort } from "../port/port.ts";
import { bufferOf, copyOf, type WorkerOrder, type WorkerReport } from "./messages.ts";

/** The worker's answer to an offer. */
export type WorkerAnswer = Pick<Extract<WorkerReport, { kind: "answered" }>, "answer" | "codec">;

/** What a {@link WorkerViewer} is made of. */
export interface WorkerViewerOptions {
  /** Identifies the viewer in messages. */
  readonly number: number;
  readonly audience: number;
  readonly events: ViewerEvents;
  readonly port: Pick<RtcPort, "register">;
  /** Posts an order to the worker. */
  readonly post: (order: WorkerOrder, transfer?: ArrayBuffer[]) => void;
  /** The viewer is gone: closes it and removes it. */
  readonly forget: (viewer: WorkerViewer) => void;
}

/** Forwards datagrams and routes to the worker, and the worker's reports to the viewer's events. */
export class WorkerViewer {
  readonly number: number;
  readonly audience: number;
  readonly events: ViewerEvents;
  readonly #forget: (viewer: WorkerViewer) => void;
  readonly #registration: Registration;
  #route: Route | undefined;
  /** Offers without a reply; the first one ever is the viewer's admission. */
  readonly #offers: PromiseWithResolvers<WorkerAnswer>[] = [];
  #codec: Codec | undefined;

  constructor({ number, audience, events, port, post, forget }: WorkerViewerOptions) {
    this.number = number;
    this.audience = audience;
    this.events = events;
    this.#forget = forget;
    const pass =
      (as: "nominated" | "dtls" | "rtp") =>
      (bytes: Buffer, key = "") => {
        const datagram = copyOf(bytes);
        post({ kind: "datagram", viewer: number, as, datagram, key }, [datagram.buffer]);
      };
    this.#registration = port.register({
      routed: (route) => {
        this.#route = route;
        if (route) events.reached(route.protocol);
        const posted = route && { address: route.address, protocol: route.protocol, fd: route.fd };
        post({ kind: "routed", viewer: number, route: posted });
      },
      nominated: pass("nominated"),
      dtls: pass("dtls"),
      rtp: pass("rtp"),
      silent: () => post({ kind: "silent", viewer: number }),
    });
  }

  /** Undefined before the viewer is admitted. */
  get codec(): Codec | undefined {
    return this.#codec;
  }

  /** The reply to the offer that is posted now. Rejects if the worker refuses it, or the viewer is gone before. */
  reply(): Promise<WorkerAnswer> {
    const reply = Promise.withResolvers<WorkerAnswer>();
    this.#offers.push(reply);
    return reply.promise;
  }

  /** Takes a report of the worker about this viewer. */
  take(report: Extract<WorkerReport, { viewer: number }>): void {
    const { events } = this;
    switch (report.kind) {
      case "accept":
        this.#registration.accept(report.fragment, report.password);
        break;
      case "handshake-done":
        this.#registration.handshakeDone();
        break;
      case "heard":
        this.#registration.heard(report.key);
        break;
      case "answered":
        this.#codec = report.codec;
        this.#offers.shift()?.resolve(report);
        break;
      case "refused":
        this.#offers.shift()?.reject(errorOf(report));
        if (this.#codec === undefined) this.#forget(this);
        break;
      case "connected":
        events.connected();
        break;
      case "keyframe-needed":
        events.keyframeNeeded();
        break;
      case "wants":
        events.wants(report.level);
        break;
      case "moved":
        events.moved(report.level);
        break;
      case "received":
        events.received(report.reception);
        break;
      case "send":
        this.#route?.send(bufferOf(report.datagram));
        break;
      case "closed":
        this.#forget(this);
        events.closed(report.reason);
        break;
    }
  }

  /** Leaves the port. Offers without a reply reject with `error`. */
  close(error: Error): void {
    this.#registration.close();
    for (const { reject } of this.#offers.splice(0)) reject(error);
  }
}

function errorOf({ code, message }: Extract<WorkerReport, { kind: "refused" }>): Error {
  return code === undefined ? new Error(message) : new OfferError(code, message);
}
