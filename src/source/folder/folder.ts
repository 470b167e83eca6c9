/**
 * The folder source: broadcasts what a render loop writes into a folder. The loop overwrites one JPEG file and keeps
 * two flag files: `written` (`0` while it writes the picture, then `1`) and `running` (`1` while it runs, then `0`).
 * It may write a JSON file before each picture, with the data of that picture.
 */

import { basename, join, resolve } from "node:path";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Source, SourceSink } from "../source.ts";
import { DataFile } from "./data.ts";
import { readFlag } from "./flags.ts";
import { Liveness } from "./liveness.ts";
import { eventsDelivered, type Look, PictureFile } from "./picture.ts";
import { epochMs } from "./time.ts";
import { type Cause, FolderWatcher } from "./watcher.ts";

/** The parameters of {@link folderSource}. */
export interface FolderOptions {
  /** Path of the folder. */
  readonly folder: string;
  /** Names of the four files in the folder. */
  readonly picture: string;
  readonly data: string;
  readonly written: string;
  readonly running: string;
  /** Bytes. Larger pictures are never read. */
  readonly maxBytes: number;
  /** Without a new picture for this long, the loop counts as crashed or stalled. */
  readonly stallAfter: Millis;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Makes a folder source. While somebody watches, it takes each whole picture exactly once, as far as the file system
 * shows it. Otherwise it checks four times a second, which is enough to know the loop's state and to have a picture for
 * the next viewer.
 */
export function folderSource(options: FolderOptions): Source {
  return new FolderSource(options);
}

/** An older time of writing is not used as capture time: it comes from a wrong clock. */
const MAX_CAPTURE_AGE: Millis = 10_000;

class FolderSource implements Source {
  readonly label: string;
  readonly #clock: Clock;
  readonly #running: string;
  readonly #watcher: FolderWatcher;
  readonly #picture: PictureFile;
  readonly #data: DataFile;
  readonly #liveness: Liveness;
  readonly #causes = new Set<Cause>();
  #looking: Promise<void> | undefined;
  #cancelWait: Cancel | undefined;
  #sink: SourceSink | undefined;
  #frames = 0;
  #watched = false;
  #closed = false;

  constructor(options: FolderOptions) {
    const { folder, picture, data, written, running, maxBytes, clock, log } = options;
    // Viewers see the label, so it must not reveal the path.
    this.label = `folder ${basename(resolve(folder))}`;
    this.#clock = clock;
    this.#running = join(folder, running);
    this.#liveness = new Liveness(options.stallAfter);
    this.#watcher = new FolderWatcher({
      folder,
      names: { picture, data, written, running },
      clock,
      log,
      look: (cause) => {
        if (this.#watched || cause === "poll") void this.#look(cause);
      },
      dataChanged: () => {
        if (this.#watched) this.#data.changed();
      },
    });
    this.#data = new DataFile({ path: join(folder, data), clock, log, events: this.#watcher });
    this.#picture = new PictureFile({
      picture: join(folder, picture),
      written: join(folder, written),
      maxBytes,
      clock,
      log,
      // Viewers see the sentence, so it must not reveal the path.
      tell: (sentence) => this.#sink?.problem(sentence?.replaceAll(join(folder, "/"), "")),
      events: this.#watcher,
    });
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink;
    await this.#watcher.start();
    await this.#look("poll");
  }

  demand(watched: boolean): void {
    const begins = watched && !this.#watched;
    this.#watched = watched;
    if (begins && this.#sink) void this.#look("picture");
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.#picture.counters(), ...this.#data.counters() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher.close();
    this.#cancelWait?.();
    await this.#looking;
  }

  /** Looks at the files; after a look in progress, once more. */
  #look(cause: Cause): Promise<void> {
    this.#causes.add(cause);
    this.#looking ??= this.#lookUntilQuiet();
    return this.#looking;
  }

  async #lookUntilQuiet(): Promise<void> {
    try {
      while (!this.#closed && this.#causes.size > 0) {
        await eventsDelivered();
        const causes = new Set(this.#causes);
        this.#causes.clear();
        await this.#lookOnce(causes);
      }
    } finally {
      this.#looking = undefined;
    }
  }

  async #lookOnce(causes: ReadonlySet<Cause>): Promise<void> {
    // Without events, a look is the only chance to see the data before the loop overwrites it.
    if (causes.has("poll") || causes.has("fast-poll")) await this.#data.read();
    const [running, look] = await Promise.all([
      readFlag(this.#running, this.#watcher.disk),
      this.#picture.look({ again: causes.size > 1 || !causes.has("flag"), into: causes.has("poll") }),
    ]);
    if (this.#closed) return;
    if (look.kind === "taken") this.#deliver(look, await this.#data.of(look.mtimeNs));
    // While nobody watches, the next poll is soon enough.
    if (look.kind === "changed" && this.#watched) this.#causes.add("picture");
    if (look.kind === "unsure") this.#lookAgainAfter(look.wait);
    if (causes.has("poll")) {
      this.#picture.remind();
      this.#data.remind();
    }
    const mtimeNs = look.kind === "taken" ? look.mtimeNs : undefined;
    const state = this.#liveness.observe(this.#clock.now(), running, mtimeNs);
    if (state) this.#sink?.state(state);
  }

  #lookAgainAfter(wait: Millis): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#clock.after(wait, () => void this.#look("picture"));
  }

  #deliver(
    { mtimeNs, received, data }: Look & { readonly kind: "taken" },
    telemetry: string | undefined,
  ): void {
    if (this.#closed) return;
    this.#watcher.taken();
    const written = epochMs(mtimeNs);
    const isPlausible = written <= received && received - written <= MAX_CAPTURE_AGE;
    const timings = { captured: isPlausible ? written : received, received };
    const frame = { kind: "image", type: "image/jpeg", number: ++this.#frames, timings, data } as const;
    this.#sink?.frame(telemetry === undefined ? frame : { ...frame, telemetry });
  }
}
