/**
 * `npm run bench:convert`: compares ways to convert packed pixels to I420, taking turns within one run.
 * Prints a table per size and format, and writes JSON.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { FilterAPI } from "node-av/api";
import {
  AV_PIX_FMT_BGRA,
  AV_PIX_FMT_RGB24,
  AV_PIX_FMT_RGBA,
  AV_PIX_FMT_YUV420P,
  SWS_FAST_BILINEAR,
  SWS_POINT,
} from "node-av/constants";
import { Frame, SoftwareScaleContext } from "node-av/lib";
import { systemClock } from "../src/base/clock.ts";
import { whole } from "../src/config/checks.ts";
import { isPacked, packedToI420 } from "../src/encoder/pixels/i420.ts";
import { type Planes, split } from "../src/encoder/pixels/planes.ts";
import { SwscaleConverter } from "../src/encoder/pixels/swscale.ts";
import { frameBytes, type RawFrame } from "../src/media/frame.ts";
import { readOptions } from "./options.ts";
import { machineLine, writeResult } from "./results.ts";
import { median, round } from "./statistics.ts";

const SIZES = [
  [480, 270],
  [1280, 720],
  [1920, 1080],
] as const;
const FORMATS = { rgba: AV_PIX_FMT_RGBA, bgra: AV_PIX_FMT_BGRA, rgb: AV_PIX_FMT_RGB24 } as const;
type Format = keyof typeof FORMATS;
/** Odd frames measure how long a conversion blocks the event loop, even ones how long it takes. */
const { frames: FRAMES } = readOptions({
  command: "npm run bench:convert",
  about: "compares ways to convert packed pixels to I420",
  options: {
    frames: {
      value: "N",
      help: "frames to convert in each way",
      default: "80",
      check: whole(1, 10_000),
    },
  },
});
/** Frames not counted: compilers warm up, and memory is touched for the first time. */
const WARM_UP = 20;
/** Milliseconds between conversions, so that the CPU caches are as cold as with a live source. */
const PAUSE = 4;

/** A way to convert. */
interface Way {
  /** Resolves with the planes: `target`, or its own. */
  convert(frame: RawFrame, target: Planes): Promise<Planes>;
  close?(): unknown;
}

const REFERENCE = "swscale, point";

const WAYS: Record<string, (width: number, height: number, format: Format) => Way | Promise<Way>> = {
  [REFERENCE]: (width, height, format) => swscale(width, height, format, SWS_POINT),
  "swscale, fast bilinear": (width, height, format) => swscale(width, height, format, SWS_FAST_BILINEAR),
  "swscale, area": () => {
    const converter = new SwscaleConverter("i420");
    return {
      async convert(frame, target) {
        await converter.convert(frame, target);
        return target;
      },
      close: () => converter.close(),
    };
  },
  "filter graph, scale": (_width, _height, format) => graph("scale=flags=area,format=yuv420p", format),
  "filter graph, zscale": (_width, _height, format) =>
    graph("zscale=matrix=470bg:range=limited:filter=bilinear,format=yuv420p", format),
  JavaScript: () => ({
    async convert(frame, target) {
      inJavaScript(frame, target);
      return target;
    },
  }),
  WebAssembly: () => ({ convert: inWebAssembly }),
  "WebAssembly in a worker": inWorker,
};

function swscale(width: number, height: number, format: Format, flags: typeof SWS_POINT): Way {
  const context = new SoftwareScaleContext();
  context.getContext(width, height, FORMATS[format], width, height, AV_PIX_FMT_YUV420P, flags);
  return {
    async convert({ data }, target) {
      const stride = width * (format === "rgb" ? 3 : 4);
      await context.scale([data], [stride], 0, height, [...target.data], [...target.strides]);
      return target;
    },
    close: () => context.freeContext(),
  };
}

function graph(description: string, format: Format): Way {
  const filter = FilterAPI.create(description, { threads: 1 });
  let last: Frame | undefined;
  return {
    async convert({ width, height, data }) {
      last?.free();
      const timeBase = { num: 1, den: 1000 };
      const frame = Frame.fromVideoBuffer(data, { width, height, format: FORMATS[format], timeBase });
      [last] = await filter.processAll(frame);
      frame.free();
      return { data: last?.data ?? [], strides: last?.linesize ?? [] };
    },
    close() {
      last?.free();
      filter.close();
    },
  };
}

async function inWebAssembly(frame: RawFrame, target: Planes): Promise<Planes> {
  if (isPacked(frame)) await packedToI420(frame, target, "bt601");
  return target;
}

/** Memory that the worker shares: the frame is copied in, and the planes are copied out. */
function shared(format: Format, width: number, height: number) {
  const input = new SharedArrayBuffer(frameBytes(format, width, height));
  const output = new SharedArrayBuffer(frameBytes("i420", width, height));
  return { input, output, format, width, height };
}

async function inWorker(width: number, height: number, format: Format): Promise<Way> {
  const memory = shared(format, width, height);
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: memory });
  await once(worker, "message");
  const input = Buffer.from(memory.input);
  const planes = split("i420", width, height, Buffer.from(memory.output));
  return {
    async convert({ data }, target) {
      input.set(data);
      worker.postMessage(0);
      await once(worker, "message");
      for (const [n, plane] of planes.data.entries()) target.data[n]?.set(plane);
      return target;
    },
    close: () => worker.terminate(),
  };
}

function serveAsWorker({ input, output, format, width, height }: ReturnType<typeof shared>): void {
  const frame = rawFrame(format, width, height, Buffer.from(input));
  const target = split("i420", width, height, Buffer.from(output));
  parentPort?.on("message", async () => {
    await inWebAssembly(frame, target);
    parentPort?.postMessage(0);
  });
  parentPort?.postMessage(0);
}

/** The conversion in plain JavaScript, for even sizes. */
function inJavaScript({ format, width, height, data }: RawFrame, { data: planes, strides }: Planes): void {
  const [luma, cb, cr] = planes as [Buffer, Buffer, Buffer];
  const [lumaStride, chromaStride] = strides as [number, number];
  const bytes = format === "rgb" ? 3 : 4;
  const [red, blue] = format === "bgra" ? [2, 0] : [0, 2];
  const row = width * bytes;
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      let [r4, g4, b4] = [0, 0, 0];
      for (let i = 0; i < 4; i++) {
        const [px, py] = [x + (i & 1), y + (i >> 1)];
        const at = py * row + px * bytes;
        const r = data[at + red] as number;
        const g = data[at + 1] as number;
        const b = data[at + blue] as number;
        luma[py * lumaStride + px] = (8414 * r + 16519 * g + 3208 * b + 540672) >> 15;
        r4 += r;
        g4 += g;
        b4 += b;
      }
      const at = (y >> 1) * chromaStride + (x >> 1);
      cb[at] = (-4857 * r4 - 9535 * g4 + 14392 * b4 + 16842752) >> 17;
      cr[at] = (14392 * r4 - 12052 * g4 - 2340 * b4 + 16842752) >> 17;
    }
  }
}

function rawFrame(format: Format, width: number, height: number, data: Buffer): RawFrame {
  const timings = { captured: systemClock.now(), received: systemClock.now() };
  return { kind: "raw", format, width, height, data, number: 1, timings };
}

/** Mean error of Cb against the average of 2x2 pixels, in levels, over a sample. */
function chromaError({ format, width, height, data }: RawFrame, planes: Planes): number {
  const exact = split("i420", width, height, Buffer.alloc(frameBytes("i420", width, height)));
  inJavaScript({ format, width, height, data } as RawFrame, exact);
  let [sum, count] = [0, 0];
  for (let y = 0; y < height / 2; y += 3) {
    for (let x = 0; x < width / 2; x += 3) {
      const got = planes.data[1]?.[y * (planes.strides[1] ?? 0) + x] ?? 0;
      sum += Math.abs(got - (exact.data[1]?.[y * (exact.strides[1] ?? 0) + x] ?? 0));
      count++;
    }
  }
  return sum / count;
}

async function runCase(width: number, height: number, format: Format) {
  // Noise is the worst case for chroma. Several frames, because the caches could hold a single small one.
  const frames = Array.from({ length: 4 }, () => {
    const data = Buffer.alloc(frameBytes(format, width, height));
    for (let i = 0; i < data.length; i++) data[i] = Math.random() * 256;
    return rawFrame(format, width, height, data);
  });
  const target = split("i420", width, height, Buffer.alloc(frameBytes("i420", width, height) + 64));
  const ways = await Promise.all(
    Object.entries(WAYS).map(async ([name, open]) => {
      const way = await open(width, height, format);
      return { name, way, times: [] as number[], blocked: [] as number[], error: 0 };
    }),
  );
  for (let n = 0; n < WARM_UP + FRAMES; n++) {
    const frame = frames[n % frames.length] as RawFrame;
    for (const one of ways) {
      await sleep(PAUSE);
      const watch = n % 2 === 1 ? watchEventLoop() : undefined;
      const start = performance.now();
      const planes = await one.way.convert(frame, target);
      const took = performance.now() - start;
      const blocked = watch?.();
      if (n === 0) one.error = chromaError(frame, planes);
      if (n < WARM_UP) continue;
      if (blocked === undefined) one.times.push(took);
      else one.blocked.push(blocked);
    }
  }
  for (const { way } of ways) await way.close?.();
  const reference = median(ways.find(({ name }) => name === REFERENCE)?.times ?? []);
  return Object.fromEntries(
    ways.map(({ name, times, blocked, error }) => [
      name,
      {
        "median ms": round(median(times), 2),
        "min ms": round(Math.min(...times), 2),
        ratio: round(median(times) / reference, 2),
        "loop blocked ms": round(Math.min(...blocked), 2),
        "Cb error": round(error, 2),
      },
    ]),
  );
}

/** Watches the event loop. The returned function stops it, and returns the longest block in milliseconds. */
function watchEventLoop(): () => number {
  let [last, longest, watching] = [performance.now(), 0, true];
  const check = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (watching) setImmediate(check);
  };
  setImmediate(check);
  return () => {
    watching = false;
    return Math.max(longest, performance.now() - last);
  };
}

async function main(): Promise<void> {
  const results: Record<string, Awaited<ReturnType<typeof runCase>>> = {};
  for (const [width, height] of SIZES) {
    for (const format of Object.keys(FORMATS) as Format[]) {
      const name = `${width}x${height} ${format}`;
      results[name] = await runCase(width, height, format);
      console.log(name);
      console.table(results[name]);
    }
  }
  console.log(`Ratios to ${REFERENCE}; ${FRAMES} conversions each, taking turns, ${PAUSE} ms apart.`);
  console.log(machineLine());
  writeResult("convert.json", { results });
}

if (isMainThread) await main();
else serveAsWorker(workerData);
