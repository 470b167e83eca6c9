/**
 * The optical reading: at each of the screen's frames the picture is drawn into a canvas, and the frame code is read
 * off it. It says when a picture's pixels could be read in the page, which the browser then puts onto the screen; it
 * does not see the light.
 */
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../src/signaling/framecode.ts";
import type { Offset } from "../player/figures/clock-offset.ts";
import type { ServerTimes } from "../player/figures/frame.ts";
import { keepNewest } from "../player/figures/keep-newest.ts";
import type { LabStage, Sample } from "./sample.ts";

/** What can be drawn, and tells its size. */
export type Picture = HTMLVideoElement | HTMLImageElement | HTMLCanvasElement;

/** Frame codes count so far, then begin anew. */
const CODES = 2 ** 24;
const KEPT = 512;

/** What the server told of the newest frames, in whichever lane, found by their codes. */
export class ToldFrames {
  readonly #frames = new Map<number, ServerTimes>();
  /** Frames that were seen before anything was told of them. */
  readonly #seen = new Map<number, ((times: ServerTimes) => void)[]>();

  add(times: ServerTimes): void {
    if (times.number === undefined) return;
    const code = times.number % CODES;
    keepNewest(this.#frames, code, times, KEPT);
    const waiting = this.#seen.get(code) ?? [];
    this.#seen.delete(code);
    for (const then of waiting) then(times);
  }

  /** Calls back with what was told of the frame, at once or when it comes; perhaps never. */
  seen(code: number, then: (times: ServerTimes) => void): void {
    const times = this.#frames.get(code);
    if (times) then(times);
    else keepNewest(this.#seen, code, [...(this.#seen.get(code) ?? []), then], KEPT);
  }

  /** The source may count anew. */
  clear(): void {
    this.#frames.clear();
    this.#seen.clear();
  }
}

/** The sample of a frame that was read at `at` on the page's clock; `times` may be what another lane was told. */
export function opticalSample(times: ServerTimes, at: number, { offset }: Offset): Sample {
  const { number = 0, captured, received, decoded } = times;
  const known: LabStage[] = [{ key: "render", time: Math.max(0, received - captured) }];
  if (decoded !== undefined) known.push({ key: "decode", time: Math.max(0, decoded - received) });
  // When the pixels were ready is one for all lanes; when they were sent is each lane's own.
  const stages = [...known, { key: "rest" as const, time: Math.max(0, at + offset - (decoded ?? received)) }];
  const latency = stages.reduce((sum, { time }) => sum + time, 0);
  return { number, shownAt: at, captured, latency, stages };
}

/** Reads one lane's picture. */
export class OpticalReader {
  readonly #context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  #last: number | undefined;
  #sees = false;
  #isLooking = false;

  /** Whether the last look found a code. */
  get sees(): boolean {
    return this.#sees;
  }

  /** The code, where it is another than at the last look; undefined where it is not, or there is none. */
  async look(picture: Picture): Promise<number | undefined> {
    const [width, height] = sizeOf(picture);
    const context = this.#context;
    if (!context || width === 0 || this.#isLooking) return undefined;
    // Firefox draws the first picture of an <img> again and again, but copies the one it shows now.
    const isImage = picture instanceof HTMLImageElement;
    this.#isLooking = true;
    const drawn = isImage ? await createImageBitmap(picture).catch(() => undefined) : picture;
    this.#isLooking = false;
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
    this.#sees = code !== undefined;
    if (code === undefined || code === this.#last) return undefined;
    // The first was there before anybody looked.
    const first = this.#last === undefined;
    this.#last = code;
    return first ? undefined : code;
  }

  /** Nobody looked for a while. */
  forget(): void {
    this.#last = undefined;
  }
}

function sizeOf(picture: Picture): [width: number, height: number] {
  if (picture instanceof HTMLVideoElement) return [picture.videoWidth, picture.videoHeight];
  if (picture instanceof HTMLImageElement) return [picture.naturalWidth, picture.naturalHeight];
  return [picture.width, picture.height];
}
