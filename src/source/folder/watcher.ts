/** Says when to look at the files: by file events, and by the clock where none come. */
import { type FSWatcher, watch } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { type Disk, patientDisk, promptDisk } from "./disk.ts";
import { codeOf } from "./reader.ts";

/** The safety net below the events. */
const POLL_EVERY: Millis = 250;

/** Where there are no events. */
const FAST_POLL_EVERY: Millis = 10;

/** New pictures found in a row without an event, until none are expected. */
const MISSES = 2;

/** What gives reason to look. */
export type Cause = "picture" | "flag" | "poll" | "fast-poll";

/** The three file names, without a folder. */
export interface FileNames {
  readonly picture: string;
  readonly written: string;
  readonly running: string;
}

/** What a {@link FolderWatcher} is made of. */
export interface WatcherOptions {
  readonly folder: string;
  readonly names: FileNames;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Must not throw. */
  readonly look: (cause: Cause) => void;
}

/** Watches a folder, also one that is deleted and comes back. */
export class FolderWatcher {
  readonly #options: WatcherOptions;
  readonly #folder: string;
  #watcher: FSWatcher | undefined;
  /** The folder under watch: its inode and birth, as the path may lead to another one later. */
  #watched: string | undefined;
  #gone = false;
  #checking = false;
  #cancelPoll: Cancel | undefined;
  #cancelFastPoll: Cancel | undefined;
  #misses = 0;
  #eventsAtPicture: number | undefined;
  #closed = false;

  /** Events of any of the three files. */
  #events = 0;
  /** Events of the picture so far: a witness of its changes that no clock's tick blurs. */
  pictureEvents = 0;
  /** Which file had the latest event, if that is known. */
  lastEvent: "picture" | "written" | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#folder = resolve(options.folder);
  }

  /** Rejects with a sentence for the user if the folder cannot be watched. */
  async start(): Promise<void> {
    await this.#demandFolder();
    this.#watched = await this.#identify();
    if (this.#closed) return;
    this.#watch();
    this.#cancelPoll = this.#options.clock.every(POLL_EVERY, () => {
      void this.#check();
      this.#options.look("poll");
    });
  }

  /** Where events come, the files are written on this machine. */
  get disk(): Disk {
    return this.#events > 0 && !this.#cancelFastPoll ? promptDisk : patientDisk;
  }

  /** A new picture was taken: did an event announce it? */
  taken(): void {
    this.#misses = this.#events === this.#eventsAtPicture ? this.#misses + 1 : 0;
    this.#eventsAtPicture = this.#events;
    if (this.#misses >= MISSES) this.#pollFast("its file system reports no changes");
  }

  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    this.#cancelFastPoll?.();
    this.#watcher?.close();
  }

  async #demandFolder(): Promise<void> {
    const { folder } = this.#options;
    try {
      const stats = await stat(folder);
      if (!stats.isDirectory())
        throw new Error(`${folder} is not a folder: name the one the loop writes to.`);
      await access(folder, constants.R_OK | constants.X_OK);
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT") {
        throw new Error(
          `The folder ${folder} does not exist: create it, or name the one the loop writes to.`,
        );
      }
      if (code === "EACCES" || code === "EPERM") {
        throw new Error(
          `The folder ${folder} may not be read: give this user the right to list and enter it.`,
        );
      }
      throw error instanceof Error && !("code" in error)
        ? error
        : new Error(`The folder ${folder} cannot be read (${code}): check that it is a folder and mounted.`);
    }
  }

  async #identify(): Promise<string | undefined> {
    try {
      const stats = await stat(this.#folder, { bigint: true });
      return stats.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether the path still leads to the folder under watch; if not, watches the one it leads to. */
  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    const found = await this.#identify();
    this.#checking = false;
    if (this.#closed) return;
    if (found === undefined) {
      if (!this.#gone)
        this.#options.log(`The folder ${this.#options.folder} is gone; waiting for it to return.`);
      this.#gone = true;
      this.#unwatch();
      return;
    }
    if (found === this.#watched) return;
    if (this.#gone) this.#options.log(`The folder ${this.#options.folder} is back.`);
    this.#gone = false;
    this.#unwatch();
    this.#watched = found;
    this.#watch();
    this.#options.look("poll");
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#folder, { persistent: false }, (type, name) => this.#onEvent(type, name));
      this.#watcher.on("error", (error) => this.#onNoEvents(error));
    } catch (error) {
      this.#onNoEvents(error);
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = undefined;
    this.lastEvent = undefined;
  }

  #onNoEvents(error: unknown): void {
    const watched = this.#watched;
    this.#unwatch();
    // Deleted since it was found: the next check will see.
    if (codeOf(error) === "ENOENT") return;
    // No use in trying again with the same folder.
    this.#watched = watched;
    this.#pollFast(`it cannot be watched, ${codeOf(error)}`);
  }

  #onEvent(type: string, name: string | null): void {
    if (this.#closed) return;
    const { picture, written, running } = this.#options.names;
    if (type === "rename" && name === basename(this.#folder)) {
      // The folder itself was deleted or moved. Its successor may even get the same inode.
      this.#unwatch();
      void this.#check();
    }
    if (name !== null && name !== picture && name !== written && name !== running) return;
    this.#events++;
    if (name === picture || name === null) this.pictureEvents++;
    if (name === null) this.lastEvent = undefined;
    else if (name === picture) this.lastEvent = "picture";
    else if (name === written) this.lastEvent = "written";
    this.#options.look(name === picture || name === null ? "picture" : "flag");
  }

  #pollFast(why: string): void {
    if (this.#closed || this.#cancelFastPoll) return;
    this.#cancelFastPoll = this.#options.clock.every(FAST_POLL_EVERY, () => this.#options.look("fast-poll"));
    this.#options.log(
      `Looking into the folder ${this.#options.folder} every ${FAST_POLL_EVERY} ms, for ${why}.`,
    );
  }
}
