/** Viewers join and leave at random while one publisher comes and goes, and packets are lost: what is left of it. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { TestPublisher } from "../../test/e2e/publisher.ts";
import { part } from "../../test/multipart-writer.ts";
import { seeded } from "../network/link.ts";
import { SoakViewer } from "./viewer.ts";

export interface SoakOptions {
  readonly minutes: number;
  readonly viewers: number;
  readonly seed: number;
  /** Takes a line a minute. */
  readonly tell: (line: string) => void;
}

/** What the server held at a time. */
export interface Held {
  /** MiB of memory that is resident. */
  readonly memory: number;
  /** Timers, sockets and the like. */
  readonly resources: number;
}

export interface SoakResult {
  readonly joins: number;
  readonly restarts: number;
  readonly frames: number;
  /** Viewers that should have been live when they left, and were not. */
  readonly frozen: number;
  /** Sentences with which viewers were refused. */
  readonly refused: readonly string[];
  /** With nobody there: after the first round, and at the end. */
  readonly before: Held;
  readonly after: Held;
}

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));
const STREAM = "soak";

/** Who stays for less need not have seen anything yet. */
const LIVE_WITHIN_MS = 5000;
const STAYS_MS = [4000, 20_000] as const;
const PUBLISHES_MS = [10_000, 30_000] as const;
const RESTARTS_IN_MS = 500;

export async function soak({ minutes, viewers, seed, tell }: SoakOptions): Promise<SoakResult> {
  const server = fork(SERVER, ["--max-viewers", "100", "--max-viewers-per-address", "100"]);
  const [{ url }] = (await once(server, "message")) as [{ url: string }];
  const random = seeded(seed);
  const between = ([low, high]: readonly [number, number]) => low + random() * (high - low);
  const end = performance.now() + minutes * 60_000;
  const isOn = () => performance.now() < end && server.exitCode === null;
  const result = { joins: 0, restarts: 0, frames: 0, frozen: 0, refused: [] as string[] };

  const pictures = await Promise.all(
    [40, 120, 200].map((level) =>
      sharp({ create: { width: 320, height: 180, channels: 3, background: { r: level, g: 90, b: 160 } } })
        .jpeg()
        .toBuffer(),
    ),
  );
  const publishing = (async () => {
    for (; isOn(); result.restarts++) {
      const publisher = new TestPublisher(`${url}/streams/${STREAM}`);
      publisher.answer.catch(() => {});
      const until = performance.now() + between(PUBLISHES_MS);
      for (let n = 0; performance.now() < until && isOn() && !publisher.answered; n++) {
        const picture = pictures[n % pictures.length];
        if (picture) await publisher.send(part({ "Content-Type": "image/jpeg" }, picture));
        await setTimeout(50);
      }
      publisher.destroy();
      await setTimeout(RESTARTS_IN_MS);
    }
  })();

  const watching = Array.from({ length: viewers }, async () => {
    await setTimeout(1000);
    while (isOn()) {
      const viewer = new SoakViewer(url, STREAM);
      const stays = between(STAYS_MS);
      try {
        await viewer.join();
        result.joins++;
        await setTimeout(Math.min(stays, LIVE_WITHIN_MS));
        const seen = viewer.frames;
        await setTimeout(Math.max(0, stays - LIVE_WITHIN_MS));
        if (stays > LIVE_WITHIN_MS && seen === 0) result.frozen++;
        result.frames += viewer.frames;
      } catch (error) {
        result.refused.push(error instanceof Error ? error.message : String(error));
        await setTimeout(1000);
      }
      viewer.vanish();
    }
  });

  const telling = (async () => {
    for (let minute = 1; isOn(); minute++) {
      await setTimeout(Math.min(60_000, Math.max(0, end - performance.now())));
      const { memory, resources } = await held(url);
      tell(
        `${minute} min: ${result.joins} joins, ${result.frames} frames, ${memory} MiB, ${resources} resources`,
      );
    }
  })();

  // A first round has made what is made once.
  await setTimeout(Math.min(20_000, (minutes * 60_000) / 3));
  const before = await held(url);
  await Promise.all([...watching, publishing, telling]);
  await nobodyLeft(url);
  const after = await held(url);
  server.disconnect();
  if (server.exitCode === null) await once(server, "exit");
  return { ...result, before, after };
}

/** Those that vanished are given up after some time. */
async function nobodyLeft(url: string): Promise<void> {
  for (;;) {
    const streams: { viewers: number }[] = await (await fetch(`${url}/streams`)).json();
    if (streams.every(({ viewers }) => viewers === 0)) return;
    await setTimeout(500);
  }
}

async function held(url: string): Promise<Held> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1] ?? Number.NaN);
  return {
    memory: Math.round(value("process_resident_memory_bytes") / 2 ** 20),
    resources: value("nodejs_active_resources_total"),
  };
}
