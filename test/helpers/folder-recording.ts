/** A folder source under test. */
import { expect, onTestFinished, vi } from "vitest";
import type { SourceFrame } from "../../src/media/frame.ts";
import type { SourceState } from "../../src/shared/protocol.ts";
import { type FolderOptions, folderSource } from "../../src/source/folder/folder.ts";
import type { Source } from "../../src/source/source.ts";
import { FakeClock, settle } from "./fake-clock.ts";
import { NAMES, numberIn } from "./loop-writer.ts";

/** Everything that a folder source delivers, in order. */
export class Recording {
  readonly clock = new FakeClock(Date.now());
  readonly frames: SourceFrame[] = [];
  readonly states: SourceState[] = [];
  readonly problems: (string | undefined)[] = [];
  readonly lines: string[] = [];
  readonly source: Source;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  constructor(options: Partial<FolderOptions> & Pick<FolderOptions, "folder">) {
    const clock = options.clock ?? this.clock;
    const log = (line: string) => this.#gave(() => this.lines.push(line));
    const limits = { maxBytes: 1_000_000, stallAfter: 5000 };
    this.source = folderSource({ ...NAMES, ...limits, clock, log, ...options });
    onTestFinished(() => this.source.close());
  }

  /** Starts the source, with or without demand. */
  async start(watched = true): Promise<this> {
    await this.source.start({
      frame: (frame) => this.#gave(() => this.frames.push(frame)),
      state: (state) => this.#gave(() => this.states.push(state)),
      problem: (sentence) => this.#gave(() => this.problems.push(sentence)),
    });
    this.source.demand(watched);
    return this;
  }

  /** The numbers that {@link testPictures} put into the pictures. */
  get numbers(): number[] {
    return this.frames.map((frame) => numberIn(frame.data));
  }

  /** The kinds of the states. */
  get kinds(): string[] {
    return this.states.map((state) => state.kind);
  }

  /** Resolves once this holds; it is checked whenever the source delivers something. */
  async until(happened: () => boolean): Promise<void> {
    while (!happened()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Resolves once this many frames were delivered. */
  async frame(count: number): Promise<void> {
    await this.until(() => this.frames.length >= count);
  }

  /** Advances the clock, one poll at a time, until this holds. */
  async poll(happened: () => boolean): Promise<void> {
    await vi.waitFor(
      async () => {
        if (!happened()) await this.clock.advance(250);
        expect(happened()).toBe(true);
      },
      { interval: 1, timeout: 10_000 },
    );
  }

  /** Closes the source after its last look; whatever it delivers later fails the test. */
  async finish(): Promise<void> {
    await this.clock.advance(250);
    await settle();
    await this.source.close();
    this.#closed = true;
  }

  #gave(keep: () => void): void {
    expect(this.#closed).toBe(false);
    keep();
    for (const check of this.#waiting) check();
    this.#waiting.clear();
  }
}
