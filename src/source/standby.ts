/** Shows a stand-in source until the first publisher sends a picture: the built-in scene, until Blender connects. */
import type { IngestSource } from "./ingest/ingest.ts";
import type { Source, SourceSink } from "./source.ts";

/** A publisher's source with a stand-in, which is closed after the first picture. */
export class StandbySource implements Source {
  readonly #standby: Source;
  readonly #publishers: IngestSource;
  /** Whether a publisher has sent a picture. The stand-in is closed then. */
  #taken = false;

  constructor(standby: Source, publishers: IngestSource) {
    this.#standby = standby;
    this.#publishers = publishers;
  }

  get label(): string {
    return this.#taken ? this.#publishers.label : this.#standby.label;
  }

  async start(sink: SourceSink): Promise<void> {
    await this.#publishers.start({
      state: (state) => {
        if (this.#taken) sink.state(state);
        else if (state.kind === "live") {
          this.#taken = true;
          void this.#standby.close();
          sink.state(state);
        }
      },
      frame: (frame) => sink.frame(frame),
      problem: (sentence) => sink.problem(sentence),
    });
    // A publisher may have connected before the start.
    if (this.#taken) return;
    await this.#standby.start({
      state: (state) => {
        if (!this.#taken) sink.state(state);
      },
      frame: (frame) => {
        if (!this.#taken) sink.frame(frame);
      },
      problem: (sentence) => {
        if (!this.#taken) sink.problem(sentence);
      },
    });
  }

  demand(watched: boolean): void {
    this.#publishers.demand(watched);
    if (!this.#taken) this.#standby.demand(watched);
  }

  counters(): Readonly<Record<string, number>> {
    const publishers = this.#publishers.counters();
    return this.#taken ? publishers : { ...publishers, ...this.#standby.counters() };
  }

  async close(): Promise<void> {
    await Promise.all([this.#publishers.close(), this.#taken ? undefined : this.#standby.close()]);
  }
}
