/**
 * The folder source: broadcasts what a render loop writes into a folder. The loop overwrites one JPEG file and
 * keeps two flag files: `written` (`0` while the picture is being written, `1` once it is whole) and `running`
 * (`1` while the loop runs, `0` once it has ended).
 */
import { basename, join, resolve } from "node:path";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import type { Source, SourceSink } from "../source.ts";
import { readFlag } from "./flags.ts";
import { Liveness } from "./liveness.ts";
import { eventsDelivered, type Look, PictureFile } from "./picture.ts";
import { epochMs } from "./time.ts";
import { type Cause, FolderWatcher } from "./watcher.ts";

/** What a folder source is made of. */
export interface FolderOptions {
  readonly folder: string;
  /** The names of the three files in it. */
  readonly picture: string;
  readonly written: string;
  readonly running: string;
  /** A larger picture is never read. */
  readonly maxBytes: number;
  /** How long no new picture may come until the loop counts as crashed or stalled. */
  readonly stallAfter: Millis;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * A source of the pictures in a folder. While somebody watches it takes each whole picture exactly once, so far
 * as the disk shows it. While nobody does it looks four times a second and takes what is there by then, which is
 * enough to know the loop's state and to have a picture for whoever comes.
 */
export function folderSource(options: FolderOptions): Source {
  return new FolderSource(options);
}

/** A picture's time of writing is believed if it is not longer ago. */
const BELIEVABLE_AGE: Millis = 10_000;

class FolderSource implements Source {
  readonly label: string;
  readonly #clock: Clock;
  readonly #running: string;
  readonly #watcher: FolderWatcher;
  readonly #picture: PictureFile;
  readonly #liveness: Liveness;
  readonly #causes = new Set<Cause>();
  #looking: Promise<void> | undefined;
  #cancelWait: Cancel | undefined;
  #sink: SourceSink | undefined;
  #frames = 0;
  #watched = false;
  #closed = false;

  constructor(options: FolderOptions) {
    const { folder, picture, written, running, maxBytes, clock, log } = options;
    // Viewers see it: where the folder is on this machine is not theirs to know.
    this.label = `folder ${basename(resolve(folder))}`;
    this.#clock = clock;
    this.#running = join(folder, running);
    this.#liveness = new Liveness(options.stallAfter);
    this.#watcher = new FolderWatcher({
      folder,
      names: { picture, written, running },
      clock,
      log,
      look: (cause) => {
        if (this.#watched || cause === "poll") void this.#look(cause);
      },
    });
    this.#picture = new PictureFile({
      picture: join(folder, picture),
      written: join(folder, written),
      maxBytes,
      clock,
      log,
      // Viewers read it, as they do the label.
      tell: (sentence) => this.#sink?.problem(sentence?.replaceAll(join(folder, "/"), "")),
      witness: this.#watcher,
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
    return this.#picture.counters();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watcher.close();
    this.#cancelWait?.();
    await this.#looking;
  }

  /** Looks, or if a look is under way, once more behind it. */
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
    const [running, look] = await Promise.all([
      readFlag(this.#running, this.#watcher.disk),
      this.#picture.look({ again: causes.size > 1 || !causes.has("flag"), into: causes.has("poll") }),
    ]);
    if (this.#closed) return;
    if (look.kind === "taken") this.#deliver(look);
    // Unwatched, the next poll will do.
    if (look.kind === "changed" && this.#watched) this.#causes.add("picture");
    if (look.kind === "unsure") this.#lookAgainAfter(look.wait);
    if (causes.has("poll")) this.#picture.remind();
    const mtimeNs = look.kind === "taken" ? look.mtimeNs : undefined;
    const state = this.#liveness.observe(this.#clock.now(), running, mtimeNs);
    if (state) this.#sink?.state(state);
  }

  #lookAgainAfter(wait: Millis): void {
    this.#cancelWait?.();
    this.#cancelWait = this.#clock.after(wait, () => void this.#look("picture"));
  }

  #deliver({ mtimeNs, received, data }: Look & { readonly kind: "taken" }): void {
    this.#watcher.taken();
    const written = epochMs(mtimeNs);
    const believable = written <= received && received - written <= BELIEVABLE_AGE;
    const timings = { captured: believable ? written : received, received };
    this.#sink?.frame({ kind: "image", type: "image/jpeg", number: ++this.#frames, timings, data });
  }
}
