/** Metrics of what the server depends on: Redis, joined servers, forwards, its certificate; and its warnings. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { EpochMs } from "../base/clock.ts";
import type { LineCounts } from "../base/log.ts";

/** How one forward does. */
export interface ForwardState {
  readonly kind: "rtp" | "whip";
  /** Host and port; the path may be a secret. */
  readonly target: string;
  readonly isUp: boolean;
}

/** What a scrape reads. What is undefined is not configured, and has no metrics. */
export interface OperationReadings {
  /** Lines logged so far, by level. */
  readonly lines: () => LineCounts;
  readonly redis?: (() => { readonly isConnected: boolean; readonly peers: number }) | undefined;
  /** In the order of `--forward`. */
  readonly forwards?: (() => readonly ForwardState[]) | undefined;
  /** When the TLS certificate in use expires. */
  readonly certificateEnd?: (() => EpochMs) | undefined;
}

/** Reads them at each scrape. */
export function collectOperation(
  { lines, redis, forwards, certificateEnd }: OperationReadings,
  registers: Registry[],
): void {
  new Counter({
    name: "rendercast_log_lines_total",
    help: "Log lines by level, written or not",
    labelNames: ["level"],
    registers,
    collect() {
      this.reset();
      for (const [level, count] of Object.entries(lines())) this.inc({ level }, count);
    },
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `rendercast_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  if (redis) {
    gauge("redis_up", "Whether Redis answers", () => Number(redis().isConnected));
    gauge("peers", "Other servers joined by Redis", () => redis().peers);
  }
  if (certificateEnd)
    gauge(
      "tls_certificate_end_seconds",
      "When the TLS certificate in use expires",
      () => certificateEnd() / 1000,
    );
  if (forwards)
    new Gauge({
      name: "rendercast_forward_up",
      help: "Whether a forward reaches its target, by its number in --forward",
      labelNames: ["forward", "kind", "target"],
      registers,
      collect() {
        this.reset();
        for (const [index, { kind, target, isUp }] of forwards().entries())
          this.set({ forward: String(index + 1), kind, target }, Number(isUp));
      },
    });
}
