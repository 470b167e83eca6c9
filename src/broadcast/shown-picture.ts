/** The newest picture of a stream that could be decoded, and whether those who watch now have seen it. */
import type { EpochMs } from "../base/clock.ts";
import type { Picture } from "./picture.ts";

/** What viewers see. */
export class ShownPicture {
  #last: Picture | undefined;
  #isCurrent = false;

  /** The newest picture; undefined before the first. */
  get last(): Picture | undefined {
    return this.#last;
  }

  /** The picture that viewers see now; undefined if none was shown since the first one came. */
  get current(): Picture | undefined {
    return this.#isCurrent ? this.#last : undefined;
  }

  /** Notes a picture that is shown now. @param isWatched whether anybody sees it. */
  show(picture: Picture, isWatched: boolean): void {
    this.#last = picture;
    this.#isCurrent = isWatched;
  }

  /** Nobody watches any more. */
  leave(): void {
    this.#isCurrent = false;
  }

  /** The picture that viewers see, again, with other telemetry; undefined if they see none. */
  withData(telemetry: string, now: EpochMs): Picture | undefined {
    if (!this.current) return undefined;
    const timings = { captured: now, received: now, decoded: now };
    this.#last = { ...this.current, raw: { ...this.current.raw, timings, telemetry } };
    return this.#last;
  }
}
