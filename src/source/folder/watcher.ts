/** Decides when to look at the files: after file events, and periodically if there are none. */

import { type FSWatcher, watch } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { blockingDisk, type Disk, pooledDisk } from "./disk.ts";
import { codeOf } from "./reader.ts";

/** Poll interval in addition to events. */
const POLL_INTERVAL: Millis = 250;

/** Poll interval without events. */
const FAST_POLL_INTERVAL: Millis = 10;

/** After this many new pictures in a row without an event, no events are expected. */
const MAX_MISSES = 2;

/** The reason for a look at the files. */
export type Cause = "picture" | "flag" | "poll" | "fast-poll";

/** The file names, without a folder. */
export interface FileNames {
  readonly picture: string;
  readonly data: string;
  readonly written: string;
  readonly running: string;
}

/** The parameters of a {@link FolderWatcher}. */
export interface WatcherOptions {
  readonly folder: string;
  readonly names: FileNames;
  readonly clock: Clock;
  readonly log: Log;
  /** Called whenever the files may have changed. Must not throw. */
  readonly look: (cause: Cause) => void;
  /** Called at each event of the data file. Must not throw. */
  readonly dataChanged: () => void;
}

/** Watches a folder, even if it is deleted and created again. */
export class FolderWatcher {
  readonly #options: WatcherOptions;
  readonly #folder: string;
  #watcher: FSWatcher | undefined;
  /** Device, inode and birth time of the watched folder, because the path may lead to another one later. */
  #watched: string | undefined;
  #gone = false;
  #checking = false;
  #cancelPoll: Cancel | undefined;
  #cancelFastPoll: Cancel | undefined;
  #misses = 0;
  #eventsAtPicture: number | undefined;
  #closed = false;

  /** Number of events of the three files. */
  #events = 0;
  /** Number of events of the picture. Unlike file times, it shows every change. */
  pictureEvents = 0;
  /** The file of the latest event, if it is known. */
  lastEvent: "picture" | "written" | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#folder = resolve(options.folder);
  }

  /** Starts to watch. Rejects with a sentence for the user if the folder cannot be read. */
  async start(): Promise<void> {
    await requireFolder(this.#options.folder);
    this.#watched = await this.#identify();
    if (this.#closed) return;
    this.#watch();
    this.#cancelPoll = this.#options.clock.every(POLL_INTERVAL, () => {
      void this.#check();
      this.#options.look("poll");
    });
  }

  /** Blocking if there are events, because then the files are written on this machine. */
  get disk(): Disk {
    return this.#events > 0 && !this.#cancelFastPoll ? blockingDisk : pooledDisk;
  }

  /** Call it for each new picture: without an event before it, the watcher falls back to polling. */
  taken(): void {
    this.#misses = this.#events === this.#eventsAtPicture ? this.#misses + 1 : 0;
    this.#eventsAtPicture = this.#events;
    if (this.#misses >= MAX_MISSES) this.#pollFast("its file system reports no changes");
  }

  /** Stops all watching. */
  close(): void {
    this.#closed = true;
    this.#cancelPoll?.();
    this.#cancelFastPoll?.();
    this.#watcher?.close();
  }

  async #identify(): Promise<string | undefined> {
    try {
      const stats = await stat(this.#folder, { bigint: true });
      return stats.isDirectory() ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : undefined;
    } catch {
      return undefined;
    }
  }

  /** Checks that the path still leads to the watched folder. If not, watches the folder it leads to. */
  async #check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    const found = await this.#identify();
    this.#checking = false;
    if (this.#closed) return;
    if (found === undefined) {
      if (!this.#gone)
        this.#options.log(
          `The folder ${this.#options.folder} was deleted or moved; waiting for it to return.`,
          { level: "warn" },
        );
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
    // Deleted meanwhile: the next check notices that.
    if (codeOf(error) === "ENOENT") return;
    // Do not try the same folder again.
    this.#watched = watched;
    this.#pollFast(`it cannot be watched (${codeOf(error)})`);
  }

  #onEvent(type: string, name: string | null): void {
    if (this.#closed) return;
    const { picture, data, written, running } = this.#options.names;
    if (type === "rename" && name === basename(this.#folder)) {
      // The folder itself was deleted or moved. A new one may even get the same inode.
      this.#unwatch();
      void this.#check();
    }
    if (name === data || name === null) this.#options.dataChanged();
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
    this.#cancelFastPoll = this.#options.clock.every(FAST_POLL_INTERVAL, () =>
      this.#options.look("fast-poll"),
    );
    this.#options.log(`Checking the folder ${this.#options.folder} every ${FAST_POLL_INTERVAL} ms: ${why}.`);
  }
}

/** @throws {Error} with a sentence for the user if the folder cannot be read. */
export async function requireFolder(folder: string): Promise<void> {
  try {
    const stats = await stat(folder);
    if (!stats.isDirectory())
      throw new Error(`${folder} is not a folder: choose the folder the loop writes to.`);
    await access(folder, constants.R_OK | constants.X_OK);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") {
      throw new Error(
        `The folder ${folder} does not exist: create it, or choose the folder the loop writes to.`,
      );
    }
    if (code === "EACCES" || code === "EPERM") {
      throw new Error(`The folder ${folder} cannot be read: give this user permission to list and enter it.`);
    }
    throw error instanceof Error && !("code" in error)
      ? error
      : new Error(`The folder ${folder} cannot be read (${code}): check that it is a folder and mounted.`);
  }
}
