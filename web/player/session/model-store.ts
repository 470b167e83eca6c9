/** The facts that a session and its playbacks share: the {@link Model}, and the stream as the server describes it. */
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import type { Timers } from "../playback/timers.ts";
import { type Model, withSource } from "./state.ts";

/** The server describes the stream each second: it counts as silent before a missing picture is noticed. */
const SERVER_SILENCE_MS = 2000;

/** Holds the facts, and reports each change. */
export class ModelStore {
  readonly #timers: Timers;
  readonly #changed: () => void;
  #model: Model;
  #info: StreamInfo | undefined;
  #describedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** @param changed is called after each change, until {@link ModelStore.close}. */
  constructor(model: Model, timers: Timers, changed: () => void) {
    this.#model = model;
    this.#timers = timers;
    this.#changed = changed;
  }

  get model(): Model {
    return this.#model;
  }

  /** Undefined until the server has described the stream. */
  get info(): StreamInfo | undefined {
    return this.#info;
  }

  get isServerThere(): boolean {
    return this.#model.server === "there";
  }

  get isSourceLive(): boolean {
    return this.#model.source?.kind === "live";
  }

  /** Whether the server has described the stream within the last {@link SERVER_SILENCE_MS}. */
  get hearsServer(): boolean {
    return this.#timers.now() - this.#describedAt < SERVER_SILENCE_MS;
  }

  /** Frames per second to expect; undefined while none are expected. */
  get expectedFps(): number | undefined {
    return this.isServerThere && this.#info?.state.kind === "live" ? this.#info.fps : undefined;
  }

  /** Takes over the server's description of the stream. */
  describe(info: StreamInfo): void {
    this.#describedAt = this.#timers.now();
    this.#info = info;
    this.#model = { ...withSource(this.#model, info.state), problem: info.problem };
    this.#changed();
  }

  update(change: Partial<Model>): void {
    if (this.#closed) return;
    this.#model = { ...this.#model, ...change };
    this.#changed();
  }

  close(): void {
    this.#closed = true;
  }
}
