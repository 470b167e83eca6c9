/** Server-sent events (HTML standard, section 9.2). */
import type { ServerResponse } from "node:http";
import type { Clock, Millis } from "../base/clock.ts";

/** The media type of an event stream. */
export const EVENT_STREAM_TYPE = "text/event-stream";

/** The interval of comments that test the connection. A client that reads nothing between two of them is dropped. */
const HEARTBEAT_INTERVAL: Millis = 15_000;

/** A response that sends events until its client leaves. */
export class EventStream {
  readonly #response: ServerResponse;
  /** The newest event of each name since the client's buffer filled up. */
  readonly #waiting = new Map<string, string>();
  /** Whether the buffer has been full since the last heartbeat. */
  #isStuck = false;

  /** Sends the headers. Calls `gone` once, when the client leaves. */
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
    const stopBeating = clock.every(HEARTBEAT_INTERVAL, () => this.#beat());
    response.once("close", () => {
      stopBeating();
      gone();
    });
  }

  /**
   * Sends an event. A slow client misses all but the newest event of each name.
   * @param json one line.
   */
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
