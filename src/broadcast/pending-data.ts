/** Data that a program published without a picture. It joins the next picture, so that it reaches viewers in step. */
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { MAX_TELEMETRY_BYTES } from "../source/telemetry.ts";

/** Without a picture for this long, the data is sent by itself: ten times a second are smooth in a plot. */
export const MAX_WAIT: Millis = 100;

/** Holds the data of one stream until a picture comes. */
export class PendingData {
  readonly #clock: Clock;
  readonly #alone: (json: string) => void;
  #data: string | undefined;
  #stopWaiting: Cancel | undefined;

  /** @param alone sends data for which no picture came. */
  constructor(clock: Clock, alone: (json: string) => void) {
    this.#clock = clock;
    this.#alone = alone;
  }

  /** Adds an object to what waits; later values replace earlier ones. */
  add(json: string): void {
    const merged = this.#data === undefined ? json : merge(this.#data, json);
    if (merged === undefined) this.#sendAlone();
    this.#data = merged ?? json;
    this.#stopWaiting ??= this.#clock.after(MAX_WAIT, () => this.#sendAlone());
  }

  /** The telemetry of a frame with what waits; of two values with one name, the frame's own. */
  join(telemetry: string | undefined): string | undefined {
    if (this.#data === undefined) return telemetry;
    const merged = telemetry === undefined ? this.#data : merge(this.#data, telemetry);
    // Too much for one frame: what waits is sent by itself.
    if (merged === undefined) return telemetry;
    this.close();
    return merged;
  }

  /** Drops what waits. */
  close(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
    this.#data = undefined;
  }

  #sendAlone(): void {
    const data = this.#data;
    this.close();
    if (data !== undefined) this.#alone(data);
  }
}

/** Both objects in one; undefined if that is too large for a frame, or nested too deeply to be written. */
function merge(earlier: string, later: string): string | undefined {
  try {
    const merged = JSON.stringify({ ...JSON.parse(earlier), ...JSON.parse(later) });
    return Buffer.byteLength(merged) > MAX_TELEMETRY_BYTES ? undefined : merged;
  } catch {
    // A RangeError: writing is recursive, and reading is not.
    return undefined;
  }
}
