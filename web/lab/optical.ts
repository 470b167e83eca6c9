/**
 * The optical reading: at each frame of the screen the picture is drawn to a canvas, and the frame code is read from the
 * pixels. So it knows when the page could read the pixels, not when the display emits the light.
 */
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../src/shared/frame-code.ts";
import type { Offset } from "../player/figures/clock-offset.ts";
import type { ServerTimes } from "../player/figures/frame.ts";
import { keepNewest } from "../player/figures/keep-newest.ts";
import type { LabStage, Sample } from "./sample.ts";

/** An element with a picture to draw. */
export type Picture = HTMLVideoElement | HTMLImageElement | HTMLCanvasElement;

/** Frame codes are frame numbers modulo this. */
const FRAME_CODES = 2 ** 24;
const MAX_FRAMES = 512;

/** The frames that the server has reported lately, in any lane, by their frame codes. */
export class ReportedFrames {
  readonly #frames = new Map<number, ServerTimes>();
  /** Frames that were seen before their report. */
  readonly #seen = new Map<number, ((times: ServerTimes) => void)[]>();

  /** Takes the report of a frame. */
  add(times: ServerTimes): void {
    if (times.number === undefined) return;
    const code = times.number % FRAME_CODES;
    keepNewest(this.#frames, code, times, MAX_FRAMES);
    const waiting = this.#seen.get(code) ?? [];
    this.#seen.delete(code);
    for (const then of waiting) then(times);
  }

  /** Calls back with the report of the frame: at once, or when it arrives, or never. */
  seen(code: number, then: (times: ServerTimes) => void): void {
    const times = this.#frames.get(code);
    if (times) then(times);
    else keepNewest(this.#seen, code, [...(this.#seen.get(code) ?? []), then], MAX_FRAMES);
  }

  /** The source may start over with its frame numbers. */
  clear(): void {
    this.#frames.clear();
    this.#seen.clear();
  }
}

/** The sample of a frame that was read at `at` on the page's clock. `times` may be from the report of another lane. */
export function opticalSample(times: ServerTimes, at: number, { offset }: Offset): Sample {
  const { number = 0, captured, received, decoded } = times;
  const known: LabStage[] = [{ key: "render", time: Math.max(0, received - captured) }];
  if (decoded !== undefined) known.push({ key: "decode", time: Math.max(0, decoded - received) });
  // All lanes share the times up to the decoded picture; later times differ between the lanes.
  const stages = [...known, { key: "rest" as const, time: Math.max(0, at + offset - (decoded ?? received)) }];
  const latency = stages.reduce((sum, { time }) => sum + time, 0);
  return { number, shownAt: at, captured, latency, stages };
}

/** Reads the frame codes of one lane. */
export class OpticalReader {
  readonly #context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  #last: number | undefined;
  #hasCode = false;
  #isReading = false;

  /** Whether the last reading found a frame code. */
  get hasCode(): boolean {
    return this.#hasCode;
  }

  /** The frame code if it has changed; undefined if it has not, or there is none. */
  async read(picture: Picture): Promise<number | undefined> {
    const [width, height] = sizeOf(picture);
    const context = this.#context;
    if (!context || width === 0 || this.#isReading) return undefined;
    // Firefox always draws the first picture of an <img>, but an ImageBitmap has the current one.
    const isImage = picture instanceof HTMLImageElement;
    this.#isReading = true;
    const drawn = isImage ? await createImageBitmap(picture).catch(() => undefined) : picture;
    this.#isReading = false;
    if (!drawn) return undefined;
    const size = frameCodeCellSize(width);
    const row = size * FRAME_CODE_CELLS;
    if (context.canvas.width !== row) context.canvas.width = row;
    if (context.canvas.height !== 1) context.canvas.height = 1;
    context.drawImage(drawn, 0, height - Math.ceil(size / 2), row, 1, 0, 0, row, 1);
    if ("close" in drawn) drawn.close();
    const pixels = context.getImageData(0, 0, row, 1).data;
    const green = (cell: number) => pixels[4 * Math.floor((cell + 0.5) * size) + 1] ?? 0;
    const code = readFrameCode(Array.from({ length: FRAME_CODE_CELLS }, (_, cell) => green(cell)));
    this.#hasCode = code !== undefined;
    if (code === undefined || code === this.#last) return undefined;
    // The first frame was there before the reading started.
    const first = this.#last === undefined;
    this.#last = code;
    return first ? undefined : code;
  }

  /** The reading was interrupted: the next code counts as the first. */
  reset(): void {
    this.#last = undefined;
  }
}

function sizeOf(picture: Picture): [width: number, height: number] {
  if (picture instanceof HTMLVideoElement) return [picture.videoWidth, picture.videoHeight];
  if (picture instanceof HTMLImageElement) return [picture.naturalWidth, picture.naturalHeight];
  return [picture.width, picture.height];
}
