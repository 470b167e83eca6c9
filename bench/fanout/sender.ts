/**
 * One lane of the fan-out bench in a process of its own: answers offers, and sends a clip to all viewers. It exchanges
 * lines of JSON, as `rivals/pion` does.
 *
 *     node bench/fanout/sender.ts native|workers|plain|werift
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { systemClock } from "../../src/base/clock.ts";
import { loadNativeIo } from "../../src/transport/io/native/native.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { Transport } from "../../src/transport/transport.ts";
import { quantile } from "../statistics.ts";
import { type Clip, frameOf } from "./clip.ts";

interface Line {
  readonly id: number;
  readonly offer?: string;
  readonly run?: { clip: string; fps: number; seconds: number; saturate: boolean };
}

/** Without a sealer, the transport falls back to werift's own sending. */
const withoutSealer = {
  ...plainIo,
  sealerOf() {
    throw new Error("This lane sends with werift.");
  },
};

const [lane = "native"] = process.argv.slice(2);
const workers = lane === "workers" ? Math.max(1, availableParallelism() - 1) : 0;
const io =
  lane === "native" || lane === "workers" ? await loadNativeIo() : lane === "plain" ? plainIo : withoutSealer;
const log = () => {};
const transport = await Transport.open({
  clock: systemClock,
  host: undefined,
  announced: [],
  port: 0,
  anyPort: true,
  playoutDelay: true,
  codecs: ["vp8"],
  workers,
  io,
  log,
});
const audience = transport.audience(() => {});
const events = {
  connected() {},
  keyframeNeeded() {},
  wants() {},
  moved() {},
  received() {},
  reached() {},
  closed() {},
};

for await (const text of createInterface({ input: process.stdin })) {
  const { id, offer, run } = JSON.parse(text) as Line;
  if (offer !== undefined) {
    const { answer } = await audience.admit(offer, events);
    console.log(JSON.stringify({ id, answer }));
  }
  if (run) console.log(JSON.stringify(await play(run)));
}
process.exit(0);

async function play({ clip: path, fps, seconds, saturate }: NonNullable<Line["run"]>) {
  const clip = JSON.parse(readFileSync(path, "utf8")) as Clip;
  // Nothing is sent before the first keyframe, so it is not measured.
  await audience.send(frameOf(clip, 0, systemClock.now()));
  const took: number[] = [];
  let packets = 0;
  const cpu = process.cpuUsage();
  const began = systemClock.now();
  for (let n = 1; systemClock.now() - began < seconds * 1000; n++) {
    const wait = saturate ? 0 : began + (n * 1000) / fps - systemClock.now();
    await (wait > 0 ? new Promise((resolve) => setTimeout(resolve, wait)) : new Promise(setImmediate));
    const at = systemClock.now();
    const sent = await audience.send(frameOf(clip, n, at));
    // werift sends asynchronously, in promises.
    if (lane === "werift") await new Promise(setImmediate);
    took.push((lane === "werift" ? systemClock.now() : sent.at) - at);
    packets += sent.packets;
  }
  const { user, system } = process.cpuUsage(cpu);
  return {
    packets,
    cpu: (user + system) / 1e6,
    elapsed: (systemClock.now() - began) / 1000,
    p99: quantile(took, 0.99),
    rss: process.memoryUsage.rss(),
  };
}
