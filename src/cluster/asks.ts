/** Questions to other servers, each answered once or given up. */
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import type { Answer, Request, Wire } from "./messages.ts";

/** Longer than an answer takes; the page waits for longer. */
const GIVE_UP: Millis = 5000;

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

  /** Never rejects: what is not answered is refused in a sentence. */
  ask(to: string, request: Request): Promise<Answer> {
    if (!this.#wire.connected)
      return Promise.resolve(failed("The servers here do not reach each other now."));
    const number = this.#number++;
    return new Promise((settle) => {
      const cancel = this.#clock.after(GIVE_UP, () =>
        this.answered(to, number, failed("The server that has this stream does not answer.")),
      );
      this.#open.set(number, { to, cancel, settle });
      this.#wire.send({ kind: "ask", from: this.#self, to, number, request });
    });
  }

  answered(from: string, number: number, answer: Answer): void {
    const asked = this.#open.get(number);
    if (asked?.to !== from) return;
    this.#open.delete(number);
    asked.cancel();
    asked.settle(answer);
  }

  /** That server answers nothing any more. */
  lost(server: string): void {
    for (const [number, { to }] of this.#open)
      if (to === server) this.answered(to, number, failed("The server that had this stream is gone."));
  }
}

function failed(message: string): Answer {
  return { ok: false, code: "failed", message };
}
