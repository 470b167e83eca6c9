/** Decides which states of the picture file are new and whole pictures. */

import { crc32 } from "node:zlib";
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { type Disk, pooledDisk } from "./disk.ts";
import { type Fault, Faults } from "./faults.ts";
import { phaseOf, readFlag } from "./flags.ts";
import { beginsAsJpeg, isWholeJpeg } from "./jpeg.ts";
import { type Glance, glance, type Identity, readPicture, same } from "./reader.ts";
import { epochMs } from "./time.ts";

/** Coarsest resolution of file times. A file may change twice within it without a difference in `stat`. */
const FILE_TIME_RESOLUTION: Millis = 20;

/** Larger pictures, in bytes, are read on the thread pool: copying them would block the event loop. */
const MAX_BLOCKING_READ = 4 * 1024 * 1024;

/** Longest delay between a write and its file event, even on a loaded machine. */
const MAX_EVENT_DELAY: Millis = 100;

/** The file events so far. They show changes within the resolution of file times, and their order. */
export interface FileEvents {
  /** Number of events of the picture. */
  readonly pictureEvents: number;
  /** The file of the latest event, if it is known. */
  readonly lastEvent: "picture" | "written" | undefined;
  /** File access that suits this folder. */
  readonly disk: Disk;
}

/** How thoroughly to look. */
export interface Closeness {
  /** Reads a known state again if `stat` may have missed a change. */
  readonly again: boolean;
  /** Also reads a file that is being written, to name the fault if it stays so. */
  readonly into: boolean;
}

/** The result of a look at the file. */
export type Look =
  | { readonly kind: "nothing" }
  /** The file changed during the look: look again at once. */
  | { readonly kind: "changed" }
  /** Whether the file is being written is unknown: look again after `wait`. */
  | { readonly kind: "unsure"; readonly wait: Millis }
  /** A new and whole picture: time of writing in nanoseconds, time of reading, and the file's bytes. */
  | { readonly kind: "taken"; readonly mtimeNs: bigint; readonly received: EpochMs; readonly data: Buffer };

const NOTHING: Look = { kind: "nothing" };

/** A state of the file that was read and judged. */
interface Judged {
  readonly id: Identity;
  readonly hash: number;
  readonly whole: boolean;
  /** Read within the resolution of file times after its writing: an equal `stat` proves nothing. */
  readonly fresh: boolean;
}

/** The parameters of a {@link PictureFile}. */
export interface PictureOptions {
  /** Path of the picture. */
  readonly picture: string;
  /** Path of the flag `written`. */
  readonly written: string;
  /** Bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes a sentence about a fault that lasts, and undefined when it is over. */
  readonly tell: (sentence: string | undefined) => void;
  readonly events: FileEvents;
}

/** The picture file of a loop, with its flag `written`. */
export class PictureFile {
  readonly #options: PictureOptions;
  readonly #faults: Faults;
  #judged: Judged | undefined;
  /** The last picture taken: a writer may overwrite it in place. */
  #lastWhole: Judged | undefined;
  #taken = 0;
  #changed = 0;

  constructor(options: PictureOptions) {
    this.#options = options;
    this.#faults = new Faults(options.log, options.tell);
  }

  /** Pictures taken, looks repeated because of a change, and refused states by fault. */
  counters(): Readonly<Record<string, number>> {
    return { taken: this.#taken, changed: this.#changed, ...this.#faults.counts };
  }

  /** Reports a fault that has lasted for a while. */
  remind(): void {
    this.#faults.remind(this.#options.clock.now());
  }

  /** Takes the picture if it is new and whole. Never rejects. */
  async look({ again, into }: Closeness): Promise<Look> {
    const { picture, written, clock, events } = this.#options;
    const { disk } = events;
    const id = this.#worthReading(await glance(picture, disk));
    if (!id) return NOTHING;
    const judged = this.#judged && same(this.#judged.id, id) ? this.#judged : undefined;
    if (judged && !(again && judged.fresh)) {
      if (judged.whole) this.#faults.clear();
      return NOTHING;
    }
    // From here on, neither events nor `stat` may show a change.
    await eventsDelivered();
    const eventsBefore = events.pictureEvents;
    const phase = phaseOf(await readFlag(written, disk), id.mtimeNs);
    if (phase === "writing" && !into) return this.#beingWritten(id);

    const begun = clock.now();
    const reading = await readPicture(picture, id, id.size > MAX_BLOCKING_READ ? pooledDisk : disk);
    const received = clock.now();
    await eventsDelivered();
    if (reading.kind === "unreadable") {
      return this.#refuse("unreadable", id, `${picture} cannot be read: ${reading.why}.`);
    }
    if (reading.kind === "changed" || events.pictureEvents !== eventsBefore) {
      this.#changed++;
      return { kind: "changed" };
    }
    const { data } = reading;
    const age = Math.abs(begun - epochMs(id.mtimeNs));
    const state = {
      id,
      hash: crc32(data),
      whole: isWholeJpeg(data) !== undefined,
      fresh: age < FILE_TIME_RESOLUTION,
    };
    if (judged?.hash === state.hash) {
      this.#judged = state;
      return NOTHING;
    }
    if (state.whole && phase !== "resting") {
      if (phase === "writing" || events.lastEvent === "picture") return this.#beingWritten(id);
      // A tie, and the flag had the last event. Either the picture rests, or its next write has changed the file but
      // not yet caused an event. Only the latter can produce a mixture of two pictures.
      if (this.#mayBeMixture(state) && age < MAX_EVENT_DELAY)
        return { kind: "unsure", wait: MAX_EVENT_DELAY - age };
    }
    this.#judged = state;
    if (!state.whole) return this.#notWhole(id, data);
    this.#lastWhole = state;
    this.#faults.clear();
    this.#taken++;
    return { kind: "taken", mtimeNs: id.mtimeNs, received, data };
  }

  /** Bytes of the picture before can be among these only if inode and size are unchanged. */
  #mayBeMixture({ id, hash }: Judged): boolean {
    const last = this.#lastWhole;
    return last?.id.ino === id.ino && last.id.size === id.size && last.hash !== hash;
  }

  #worthReading(found: Glance): Identity | undefined {
    const { picture, maxBytes } = this.#options;
    if (found.kind === "absent") {
      this.#faults.clear();
    } else if (found.kind === "unreadable") {
      this.#refuse("unreadable", found.why, `${picture} cannot be read: ${found.why}.`);
    } else if (found.id.size === 0n) {
      this.#lastWhole = undefined;
      this.#refuse("empty", found.id, `${picture} stays empty: did the loop end while writing it?`);
    } else if (found.id.size > maxBytes) {
      const sizes = `${found.id.size} bytes, more than the ${maxBytes} allowed`;
      this.#refuse("oversized", found.id, `${picture} has ${sizes}: allow more, or write smaller pictures.`);
    } else {
      return found.id;
    }
    return undefined;
  }

  #notWhole(id: Identity, data: Buffer): Look {
    const { picture } = this.#options;
    return beginsAsJpeg(data)
      ? this.#refuse("torn", id, `${picture} stays incomplete: did the loop end while writing it?`)
      : this.#refuse("not_jpeg", id, `${picture} is not a JPEG picture: have the loop write JPEG.`);
  }

  #beingWritten(id: Identity): Look {
    const { picture, written } = this.#options;
    const why = `${written} says 0 since before it was written`;
    const advice = "have the loop write 1 there when the picture is whole, or delete the flag";
    return this.#refuse("writing", id, `${picture} is not shown, as ${why}: ${advice}.`);
  }

  #refuse(fault: Fault, state: Identity | string, sentence: string): Look {
    const key = typeof state === "string" ? state : `${state.ino}:${state.size}:${state.mtimeNs}`;
    this.#faults.note(fault, key, this.#options.clock.now(), sentence);
    return NOTHING;
  }
}

/**
 * Resolves when all file events until now have been delivered: between two immediates, the event loop empties the
 * kernel's queue.
 */
export async function eventsDelivered(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
