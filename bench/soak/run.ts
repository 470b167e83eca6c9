/** Viewers join and leave at random, one publisher restarts, and packets are lost; counts failures and leaks. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { TestPublisher } from "../../test/e2e/helpers/publisher.ts";
import { part } from "../../test/helpers/multipart-writer.ts";
import { seeded } from "../network/link.ts";
import { SoakViewer } from "./viewer.ts";

/** How to run. */
export interface SoakOptions {
  readonly minutes: number;
  readonly viewers: number;
  readonly seed: number;
  /** Called with one line per minute. */
  readonly tell: (line: string) => void;
}

/** What the server holds at one time. */
export interface Held {
  /** Resident memory in MiB. */
  readonly memory: number;
  /** Node's active resources, such as timers and sockets. */
  readonly resources: number;
}

/** What happened. */
export interface SoakResult {
  readonly joins: number;
  readonly restarts: number;
  readonly frames: number;
  /** Viewers that got no frame in time. */
  readonly frozen: number;
  /** Messages with which viewers were refused. */
  readonly refused: readonly string[];
  /** After the first round. */
  readonly before: Held;
  /** At the end, without viewers. */
  readonly after: Held;
}

const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));
const STREAM = "soak";

/** A viewer that stays longer must have got a frame by then. */
const FIRST_FRAME_MS = 5000;
const STAYS_MS = [4000, 20_000] as const;
const PUBLISHES_MS = [10_000, 30_000] as const;
const RESTARTS_IN_MS = 500;

/** Runs the soak. */
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
        await setTimeout(Math.min(stays, FIRST_FRAME_MS));
        const seen = viewer.frames;
        await setTimeout(Math.max(0, stays - FIRST_FRAME_MS));
        if (stays > FIRST_FRAME_MS && seen === 0) result.frozen++;
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

  // After the first round, everything that is allocated once exists.
  await setTimeout(Math.min(20_000, (minutes * 60_000) / 3));
  const before = await held(url);
  await Promise.all([...watching, publishing, telling]);
  await noViewersLeft(url);
  const after = await held(url);
  server.disconnect();
  if (server.exitCode === null) await once(server, "exit");
  return { ...result, before, after };
}

/** Waits until the server has dropped the viewers that vanished. */
async function noViewersLeft(url: string): Promise<void> {
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
