/** Requests to other servers: each gets one answer, or a refusal after a timeout. */
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import type { Answer, Request, Wire } from "./messages.ts";

/** Longer than an answer takes, and shorter than the page waits. */
const ANSWER_TIMEOUT: Millis = 5000;

/** The open requests of this server. */
export class Asks {
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #self: string;
  readonly #open = new Map<
    number,
    { readonly to: string; readonly cancel: Cancel; readonly settle: (answer: Answer) => void }
  >();
  #number = 0;

  constructor(clock: Clock, wire: Wire, self: string) {
    this.#clock = clock;
    this.#wire = wire;
    this.#self = self;
  }

  /** Sends a request to a server. Never rejects: without an answer it resolves to a refusal. */
  ask(to: string, request: Request): Promise<Answer> {
    if (!this.#wire.connected)
      return Promise.resolve(failed("This server cannot reach the others now: try again later."));
    const number = this.#number++;
    return new Promise((settle) => {
      const cancel = this.#clock.after(ANSWER_TIMEOUT, () =>
        this.answered(to, number, failed("The server with this stream does not answer: try again later.")),
      );
      this.#open.set(number, { to, cancel, settle });
      this.#wire.send({ kind: "ask", from: this.#self, to, number, request });
    });
  }

  /** Settles a request with its answer. */
  answered(from: string, number: number, answer: Answer): void {
    const asked = this.#open.get(number);
    if (asked?.to !== from) return;
    this.#open.delete(number);
    asked.cancel();
    asked.settle(answer);
  }

  /** A server is gone: refuses its open requests. */
  lost(server: string): void {
    for (const [number, { to }] of this.#open)
      if (to === server)
        this.answered(to, number, failed("The server with this stream is gone: try again later."));
  }
}

function failed(message: string): Answer {
  return { ok: false, code: "failed", message };
}
