/** The process at the server's end: rendercast as shipped and its rival, each with the built-in scene. */
import { readConfig } from "../../src/config.ts";
import type { RawFrame } from "../../src/frame.ts";
import { startRendercast } from "../../src/rendercast.ts";
import { startPolledMjpeg } from "../rivals/polled-mjpeg.ts";
import { tappedPattern } from "../tapped.ts";
import { luma } from "./luma.ts";

/** To this process. It answers each. */
export type ServerOrder =
  /** A lane begins: forget what was drawn before, and let the rival's loop render or rest. */
  | { readonly kind: "lane"; readonly rival: boolean }
  /** When the pixels of each frame were complete: `[number, time][]`. */
  | { readonly kind: "captured" }
  /** The brightness of a frame; undefined where it was not kept. */
  | { readonly kind: "luma"; readonly number: number }
  /** `/metrics` as text. */
  | { readonly kind: "metrics" };

/** Its first message. */
export interface ServerReady {
  readonly url: string;
  readonly rivalUrl: string;
}

/** One frame in so many is kept, to be compared with what is shown. */
export const KEPT = 5;
const MOST_KEPT = 200;

const [address = "", ...options] = process.argv.slice(2);
const silent = () => {};
const captured = new Map<number, number>();
const kept = new Map<number, Uint8Array>();
const command = readConfig(["--port", "0", "--host", address, ...options], {});
if (!("run" in command)) throw new Error("unreachable");
const { run } = command;

function keep({ number, data }: RawFrame): void {
  if (number % KEPT !== 0) return;
  kept.set(number, luma(data));
  const [oldest] = kept.keys();
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
}

const scene = { ...run.size, fps: run.fps };
const rendercast = await startRendercast(run, silent, { source: tappedPattern(scene, captured, keep) });
const rival = await startPolledMjpeg(scene, address, captured, keep);

async function obey(order: ServerOrder): Promise<unknown> {
  if (order.kind === "luma") return kept.get(order.number);
  if (order.kind === "captured") return [...captured];
  if (order.kind === "metrics") return (await fetch(`${url}/metrics`)).text();
  captured.clear();
  kept.clear();
  rival.demand(order.rival);
  return undefined;
}

const url = `http://${address}:${rendercast.port}`;
process.on("message", (order: ServerOrder) => {
  void obey(order).then((answer) => process.send?.({ answer }));
});
// Ctrl-C goes to the bench as well, and that ends this.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, silent);
process.on("disconnect", () => void rival.close().finally(() => process.exit()));
process.send?.({ url, rivalUrl: rival.url } satisfies ServerReady);
