/**
 * `npm run bench:encode`: CPU time, bitrate and SSIM of encoders for the built-in scene, taking turns frame by frame.
 * Example: `-- --shots 480x270@20 --lanes "vp8 cpu 8,h264" --pan 4`. Prints a table per size and bitrate, writes JSON.
 */
import { AV_LOG_ERROR } from "node-av/constants";
import { Log } from "node-av/lib";
import { z } from "zod";
import { whole } from "../src/config/checks.ts";
import { defaultBitrate } from "../src/encoder/bitrate.ts";
import type { Planes } from "../src/encoder/pixels/planes.ts";
import { Coder } from "./encode/coder.ts";
import { LANES, REFERENCE } from "./encode/lanes.ts";
import { pictures, type Shot } from "./encode/pictures.ts";
import { decibels, ssim } from "./encode/ssim.ts";
import { readOptions, shots } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { mean, median, quantile, round } from "./statistics.ts";

const options = readOptions({
  command: "npm run bench:encode",
  about: "CPU time, bitrate and SSIM of encoders for the built-in scene",
  options: {
    frames: { value: "N", help: "frames to measure", default: "150", check: whole(1, 10_000) },
    shots: {
      value: "WxH@FPS,...",
      help: "sizes and frame rates",
      default: "480x270@20,1280x720@30",
      check: shots,
    },
    noise: { value: "N", help: "luma noise in levels", default: "0", check: whole(0, 255) },
    lanes: {
      value: "NAME,...",
      help: "prefixes of lane names; the reference always runs",
      default: "vp8,h264",
      check: z
        .string()
        .transform((text) => text.split(","))
        .refine(
          (starts) => starts.every((start) => Object.keys(LANES).some((name) => name.startsWith(start))),
          "prefixes of lane names (see --help), separated by commas",
        ),
    },
    pan: {
      value: "N",
      help: "columns that the picture moves per frame",
      default: "0",
      check: whole(0, 1000),
    },
  },
  choices: {
    Lanes: Object.entries(LANES).map(([name, { threads }]) => ({
      name,
      about: `${threads === 1 ? "one thread" : `${threads} threads`}${name === REFERENCE ? ", the reference" : ""}`,
    })),
  },
});
const { frames: FRAMES, noise: NOISE, pan: PAN } = options;
/** Frames not counted, until the encoders have settled on a speed and a quality. */
const WARM_UP = 30;
/** Shares of the default bitrate. */
const RATES = [0.25, 0.5, 1, 2];
/** Every n-th frame is compared with its source. */
const COMPARED = 3;

const lanes = Object.entries(LANES).filter(
  ([name]) => name === REFERENCE || options.lanes.some((start) => name.startsWith(start)),
);

/** A lane's measurements, one per frame. */
interface Series {
  readonly cpu: number[];
  readonly wall: number[];
  readonly bytes: number[];
  readonly similarities: number[];
}

async function runCase(shot: Shot, frames: readonly Planes[], bitrate: number) {
  const { width, height, fps } = shot;
  const running = await Promise.all(
    lanes.map(async ([name, lane]) => {
      const coder = new Coder(shot);
      await coder.open(lane, bitrate);
      const record: Series = { cpu: [], wall: [], bytes: [], similarities: [] };
      return { name, coder, record };
    }),
  );
  for (const [n, frame] of frames.entries()) {
    for (const { coder, record } of running) {
      const { cpu, wall, bytes } = await coder.code(frame, n);
      if (n < WARM_UP) continue;
      record.cpu.push(cpu);
      record.wall.push(wall);
      record.bytes.push(bytes);
      if (n % COMPARED > 0) continue;
      const source = { data: frame.data[0] as Buffer, stride: frame.strides[0] as number };
      record.similarities.push(ssim(source, coder.luma, width, height));
    }
  }
  for (const { coder } of running) coder.close();
  const reference = running.find(({ name }) => name === REFERENCE)?.record;
  const row = ({ cpu, wall, bytes, similarities }: Series) => {
    const [rate, similarity] = [mean(bytes) * 8 * fps, mean(similarities)];
    return {
      "CPU ms": round(median(cpu), 2),
      "CPU ratio": round(median(cpu) / median(reference?.cpu ?? []), 2),
      "wall ms": round(median(wall), 2),
      "p95 ms": round(quantile(wall, 0.95), 2),
      "wall ratio": round(median(wall) / median(reference?.wall ?? []), 2),
      "kbit/s": Math.round(rate / 1000),
      "of target": round(rate / bitrate, 2),
      "largest KB": round(Math.max(...bytes) / 1000, 1),
      SSIM: round(similarity, 4),
      dB: round(decibels(similarity), 2),
    };
  };
  return Object.fromEntries(running.map(({ name, record }) => [name, row(record)]));
}

Log.setLevel(AV_LOG_ERROR);
const results: { [name: string]: Awaited<ReturnType<typeof runCase>> } = {};
for (const { width, height, fps } of options.shots) {
  const shot: Shot = { width, height, fps, noise: NOISE, pan: PAN };
  const frames = await pictures(shot, WARM_UP + FRAMES);
  for (const share of RATES) {
    const bitrate = Math.round(share * defaultBitrate(shot.width, shot.height, shot.fps));
    const name = `${width}x${height}@${fps}, ${share} of the default: ${Math.round(bitrate / 1000)} kbit/s`;
    results[name] = await runCase(shot, frames, bitrate);
    console.log(name);
    console.table(results[name]);
  }
}
console.log(
  `Ratios to ${REFERENCE}; ${FRAMES} frames, taking turns; luma noise ${NOISE} levels, pan ${PAN} columns.`,
);
console.log(machineLine());
writeResult("encode.json", { results, frames: FRAMES, noise: NOISE, pan: PAN });
