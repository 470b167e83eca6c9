/** Server-sent events: one HTTP answer that goes on, an event at a time (HTML standard, section 9.2). */
import type { ServerResponse } from "node:http";

export class EventStream {
  readonly #response: ServerResponse;
  /** The newest event of each name that came while the client had no room. */
  readonly #waiting = new Map<string, string>();

  /** Takes over the response; `gone` is called once, when its client goes. */
  constructor(response: ServerResponse, gone: () => void) {
    this.#response = response;
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    response.flushHeaders();
    response.on("error", () => {});
    response.on("drain", () => this.#drained());
    response.once("close", gone);
  }

  /** @param json one line. A client that reads slowly misses all but the newest of each name. */
  send(name: string, json: string): void {
    if (this.#response.destroyed) return;
    if (this.#response.writableNeedDrain) this.#waiting.set(name, json);
    else this.#response.write(`event: ${name}\ndata: ${json}\n\n`);
  }

  #drained(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [name, json] of waiting) this.send(name, json);
  }
}
