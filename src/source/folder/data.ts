/**
 * The data file of a loop: one JSON object, written before the picture that it belongs to. A loop may write the data of
 * the next picture before this one is read, so that the last versions are kept, and the file times decide.
 */
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { MAX_TELEMETRY_BYTES, TelemetryError, telemetryIn } from "../telemetry.ts";
import type { Disk } from "./disk.ts";
import { Faults } from "./faults.ts";
import { glance, type Identity, readPicture, same } from "./reader.ts";

/** Versions of the file that are kept. A loop is rarely ahead of the server by more than one. */
const MAX_VERSIONS = 4;

/** The file events of the picture so far, and file access that suits the folder. */
export interface DataEvents {
  readonly pictureEvents: number;
  readonly disk: Disk;
}

/** The parameters of a {@link DataFile}. */
export interface DataOptions {
  /** Path of the file. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: DataEvents;
}

interface Version {
  readonly mtimeNs: bigint;
  /** The events of the picture when this version was read after an event; undefined without one. */
  readonly pictureEvents: number | undefined;
  readonly json: string;
}

/** Reads the data file, and finds the data of each picture. */
export class DataFile {
  readonly #options: DataOptions;
  readonly #faults: Faults;
  #versions: Version[] = [];
  /** The last state that was read. */
  #last: { readonly id: Identity; readonly json: string } | undefined;
  /** The events of the picture at the last event of this file, until a version is read. */
  #eventAt: number | undefined;
  #reading: Promise<void> | undefined;
  #changedMeanwhile = false;
  #taken = 0;
  #refused = 0;

  constructor(options: DataOptions) {
    this.#options = options;
    this.#faults = new Faults(options.log);
  }

  /** Data sent with pictures, and states of the file that were refused. */
  counters(): Readonly<Record<string, number>> {
    return { data_taken: this.#taken, data_refused: this.#refused };
  }

  /** The file had an event. */
  changed(): void {
    this.#eventAt = this.#options.events.pictureEvents;
    void this.read();
  }

  /** Logs a fault that has lasted for a while. */
  remind(): void {
    this.#faults.remind(this.#options.clock.now());
  }

  /** The data of the picture with this time of writing; undefined if none was written since the picture before. */
  async of(pictureMtimeNs: bigint): Promise<string | undefined> {
    await this.read();
    const { pictureEvents } = this.#options.events;
    const at = this.#versions.findLastIndex(
      (version) =>
        version.mtimeNs < pictureMtimeNs ||
        // Of the same tick: it was written first if events of the picture followed.
        (version.mtimeNs === pictureMtimeNs && (version.pictureEvents ?? -1) < pictureEvents),
    );
    const found = this.#versions[at];
    this.#versions.splice(0, at + 1);
    if (found) this.#taken++;
    return found?.json;
  }

  /** Reads the file, if it has changed. Never rejects. */
  read(): Promise<void> {
    this.#changedMeanwhile = this.#reading !== undefined;
    this.#reading ??= this.#readUntilQuiet().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#changedMeanwhile = false;
      await this.#readOnce();
    } while (this.#changedMeanwhile);
  }

  async #readOnce(): Promise<void> {
    const { path, events } = this.#options;
    const pictureEvents = this.#eventAt;
    const found = await glance(path, events.disk);
    if (found.kind === "absent") return this.#faults.clear();
    if (found.kind === "unreadable")
      return this.#refuse("unreadable", found.why, `it cannot be read: ${found.why}`);
    const { id } = found;
    const isKnown = this.#last !== undefined && same(this.#last.id, id);
    // An event may show a change within the resolution of file times.
    if (isKnown && pictureEvents === undefined) return;
    const key = `${id.ino}:${id.size}:${id.mtimeNs}`;
    if (id.size > MAX_TELEMETRY_BYTES) {
      const advice = `have the loop write at most ${MAX_TELEMETRY_BYTES}`;
      return this.#refuse("oversized", key, `it has ${id.size} bytes: ${advice}`);
    }
    const reading = await readPicture(path, id, events.disk);
    // A write in progress: its next event reads the file again.
    if (reading.kind === "changed") return;
    if (reading.kind === "unreadable")
      return this.#refuse("unreadable", key, `it cannot be read: ${reading.why}`);
    try {
      const json = telemetryIn(reading.data, "its text");
      this.#faults.clear();
      this.#eventAt = undefined;
      if (isKnown && this.#last?.json === json) return;
      this.#last = { id, json };
      this.#versions.push({ mtimeNs: id.mtimeNs, pictureEvents, json });
      this.#versions.splice(0, this.#versions.length - MAX_VERSIONS);
    } catch (error) {
      if (!(error instanceof TelemetryError)) throw error;
      this.#refuse("torn", key, error.message.replace(/\.$/, ""));
    }
  }

  #refuse(fault: "unreadable" | "oversized" | "torn", state: string, why: string): void {
    const { path, clock } = this.#options;
    const before = this.#faults.counts[fault];
    this.#faults.note(fault, state, clock.now(), `The data in ${path} is not sent, as ${why}.`);
    this.#refused += this.#faults.counts[fault] - before;
  }
}
