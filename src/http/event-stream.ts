/** Server-sent events: one HTTP answer that goes on, an event at a time (HTML standard, section 9.2). */
import type { ServerResponse } from "node:http";
import type { Clock, Millis } from "../base/clock.ts";

export const EVENT_STREAM_TYPE = "text/event-stream";

/** A comment this often tells whether the client is there; one that takes nothing from one to the next is gone. */
const HEARTBEAT: Millis = 15_000;

export class EventStream {
  readonly #response: ServerResponse;
  /** The newest event of each name that came while the client had no room. */
  readonly #waiting = new Map<string, string>();
  /** Whether it had no room at the last heartbeat, and has had none since. */
  #isStuck = false;

  /** Takes over the response; `gone` is called once, when its client goes. */
  constructor(response: ServerResponse, clock: Clock, gone: () => void) {
    this.#response = response;
    response.writeHead(200, {
      "Content-Type": EVENT_STREAM_TYPE,
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    response.flushHeaders();
    response.on("error", () => {});
    response.on("drain", () => this.#drained());
    const stopBeating = clock.every(HEARTBEAT, () => this.#beat());
    response.once("close", () => {
      stopBeating();
      gone();
    });
  }

  /** @param json one line. A client that reads slowly misses all but the newest of each name. */
  send(name: string, json: string): void {
    if (this.#response.destroyed) return;
    if (this.#response.writableNeedDrain) this.#waiting.set(name, json);
    else this.#response.write(`event: ${name}\ndata: ${json}\n\n`);
  }

  #beat(): void {
    if (this.#isStuck) this.#response.destroy();
    else if (this.#response.writableNeedDrain) this.#isStuck = true;
    else this.#response.write(":\n\n");
  }

  #drained(): void {
    this.#isStuck = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [name, json] of waiting) this.send(name, json);
  }
}
