/** The picture file: decides which of its states are pictures to take. */
import { crc32 } from "node:zlib";
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import { type Disk, patientDisk } from "./disk.ts";
import { type Fault, Faults } from "./faults.ts";
import { phaseOf, readFlag } from "./flags.ts";
import { beginsAsJpeg, isWholeJpeg } from "./jpeg.ts";
import { type Glance, glance, type Identity, readPicture, same } from "./reader.ts";
import { epochMs } from "./time.ts";

/** The longest tick of a kernel's file clock: a file may change twice within one and `stat` shows no difference. */
const TICK: Millis = 20;

/** Copying more than this from the cache would hold up everything else. */
const LARGE = 4 * 1024 * 1024;

/** How long a write may be under way, however loaded the machine is. */
const IN_FLIGHT: Millis = 100;

/** The file events so far: they tell of changes that no tick blurs, and of their order. */
export interface Witness {
  /** Events of the picture. */
  readonly pictureEvents: number;
  /** Which file had the latest event, if that is known. */
  readonly lastEvent: "picture" | "written" | undefined;
  /** How to get at the files. */
  readonly disk: Disk;
}

/** How closely to look. */
export interface Closeness {
  /** Also at a state already judged, if `stat` may have missed a change. */
  readonly again: boolean;
  /** Also into a file that is being written, to name the fault should it stay so. */
  readonly into: boolean;
}

/** What a look at the file gave. */
export type Look =
  | { readonly kind: "nothing" }
  /** It was being changed during the look: worth another, at once. */
  | { readonly kind: "changed" }
  /** It cannot be known yet whether it is being written. */
  | { readonly kind: "unsure"; readonly wait: Millis }
  /** A new and whole picture. */
  | { readonly kind: "taken"; readonly mtimeNs: bigint; readonly received: EpochMs; readonly data: Buffer };

const NOTHING: Look = { kind: "nothing" };

/** A state of the file that was read and judged, so need not be read again. */
interface Judged {
  readonly id: Identity;
  readonly hash: number;
  readonly whole: boolean;
  /** Read within a tick of its writing: it may have changed since though `stat` says the same. */
  readonly fresh: boolean;
}

/** What a {@link PictureFile} is made of. */
export interface PictureOptions {
  readonly picture: string;
  readonly written: string;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Takes what is wrong with the file if that lasts, and undefined when it is over. */
  readonly tell: (sentence: string | undefined) => void;
  readonly witness: Witness;
}

/** The picture file of a loop, with its flag `written`. */
export class PictureFile {
  readonly #options: PictureOptions;
  readonly #faults: Faults;
  #judged: Judged | undefined;
  /** The picture that one which is written in place would overwrite. */
  #under: Judged | undefined;
  #taken = 0;
  #changed = 0;

  constructor(options: PictureOptions) {
    this.#options = options;
    this.#faults = new Faults(options.log, options.tell);
  }

  counters(): Readonly<Record<string, number>> {
    return { taken: this.#taken, changed: this.#changed, ...this.#faults.counts };
  }

  /** Logs and tells what is wrong with the file, if it has been for a while. */
  remind(): void {
    this.#faults.remind(this.#options.clock.now());
  }

  /** Takes the picture if it is a new and whole one; never rejects. */
  async look({ again, into }: Closeness): Promise<Look> {
    const { picture, written, clock, witness } = this.#options;
    const { disk } = witness;
    const id = this.#worthReading(await glance(picture, disk));
    if (!id) return NOTHING;
    const judged = this.#judged && same(this.#judged.id, id) ? this.#judged : undefined;
    if (judged && !(again && judged.fresh)) {
      if (judged.whole) this.#faults.clear();
      return NOTHING;
    }
    // From here to the end the picture must not change, by the events and by `stat`.
    await eventsDelivered();
    const events = witness.pictureEvents;
    const phase = phaseOf(await readFlag(written, disk), id.mtimeNs);
    if (phase === "writing" && !into) return this.#beingWritten(id);

    const begun = clock.now();
    const reading = await readPicture(picture, id, id.size > LARGE ? patientDisk : disk);
    const received = clock.now();
    await eventsDelivered();
    if (reading.kind === "unreadable") {
      return this.#refuse("unreadable", id, `${picture} cannot be read: ${reading.why}.`);
    }
    if (reading.kind === "changed" || witness.pictureEvents !== events) {
      this.#changed++;
      return { kind: "changed" };
    }
    const { data } = reading;
    const age = Math.abs(begun - epochMs(id.mtimeNs));
    const state = { id, hash: crc32(data), whole: isWholeJpeg(data) !== undefined, fresh: age < TICK };
    if (judged?.hash === state.hash) {
      this.#judged = state;
      return NOTHING;
    }
    if (state.whole && phase !== "resting") {
      if (phase === "writing" || witness.lastEvent === "picture") return this.#beingWritten(id);
      // A tie, and the flag had the last event. So the picture rests, or its next write is under way: stamped on
      // the file and copied in part, but not yet an event. Only the latter can make a mixture of two pictures.
      if (this.#mayBeMixture(state) && age < IN_FLIGHT) return { kind: "unsure", wait: IN_FLIGHT - age };
    }
    this.#judged = state;
    if (!state.whole) return this.#notWhole(id, data);
    this.#under = state;
    this.#faults.clear();
    this.#taken++;
    return { kind: "taken", mtimeNs: id.mtimeNs, received, data };
  }

  /** Bytes of the picture before can be among these only if the file has kept its place and its length. */
  #mayBeMixture({ id, hash }: Judged): boolean {
    const under = this.#under;
    return under?.id.ino === id.ino && under.id.size === id.size && under.hash !== hash;
  }

  #worthReading(found: Glance): Identity | undefined {
    const { picture, maxBytes } = this.#options;
    if (found.kind === "absent") {
      this.#faults.clear();
    } else if (found.kind === "unreadable") {
      this.#refuse("unreadable", found.why, `${picture} cannot be read: ${found.why}.`);
    } else if (found.id.size === 0n) {
      this.#under = undefined;
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
 * Resolves when the file events that had happened by now have been delivered: between two immediates the event
 * loop empties the kernel's queue of them.
 */
export async function eventsDelivered(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}
