/** The server's process: rendercast as shipped and the baseline, each with the built-in scene. */
import { readConfig } from "../../src/config/config.ts";
import type { RawFrame } from "../../src/media/frame.ts";
import { startRendercast } from "../../src/rendercast.ts";
import { startPolledMjpeg } from "../rivals/polled-mjpeg.ts";
import { tappedPattern } from "../tapped.ts";
import { luma } from "./luma.ts";

/** A request to this process. Each gets an answer. */
export type ServerRequest =
  /** Start a lane: forget earlier frames, and run or pause the baseline's loop. */
  | { readonly kind: "lane"; readonly baseline: boolean }
  /** When the pixels of each frame were complete: `[number, time][]`. */
  | { readonly kind: "captured" }
  /** The luma of a frame; undefined if it was not kept. */
  | { readonly kind: "luma"; readonly number: number }
  /** `/metrics` as text. */
  | { readonly kind: "metrics" };

/** The first message of this process. */
export interface ServerReady {
  readonly url: string;
  readonly baselineUrl: string;
}

/** Every n-th frame is kept, to compare it with the screen. */
const KEEP_EVERY = 5;
const MAX_KEPT = 200;

const [address = "", ...options] = process.argv.slice(2);
const silent = () => {};
const captured = new Map<number, number>();
const kept = new Map<number, Uint8Array>();
const command = readConfig(["--port", "0", "--host", address, ...options], {});
if (!("run" in command)) throw new Error("unreachable");
const { run } = command;

function keep({ number, data }: RawFrame): void {
  if (number % KEEP_EVERY !== 0) return;
  kept.set(number, luma(data));
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
}

const scene = { ...run.size, fps: run.fps };
const rendercast = await startRendercast(run, silent, { source: tappedPattern(scene, captured, keep) });
const baseline = await startPolledMjpeg(scene, address, captured, keep);

async function answerTo(request: ServerRequest): Promise<unknown> {
  if (request.kind === "luma") return kept.get(request.number);
  if (request.kind === "captured") return [...captured];
  if (request.kind === "metrics") return (await fetch(`${url}/metrics`)).text();
  captured.clear();
  kept.clear();
  baseline.demand(request.baseline);
  return undefined;
}

const url = `http://${address}:${rendercast.port}`;
process.on("message", (request: ServerRequest) => {
  void answerTo(request).then((answer) => process.send?.({ answer }));
});
// Ctrl+C reaches the bench too, which ends this process.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, silent);
process.on("disconnect", () => void baseline.close().finally(() => process.exit()));
process.send?.({ url, baselineUrl: baseline.url } satisfies ServerReady);
