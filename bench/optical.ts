/**
 * Reads the frame code from what a browser shows, to measure latency independently of the transport. A frame counts
 * at the first display frame that shows it.
 */
import type { Page } from "puppeteer-core";
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../src/shared/frame-code.ts";

/** One sample: the time on the page's clock, and the brightness of each cell of the frame code. */
interface Look {
  readonly at: number;
  readonly cells: number[];
}

/** A frame as it came to the screen. */
export interface Sighting {
  readonly number: number;
  /** Milliseconds since the epoch, on this process's clock. */
  readonly at: number;
}

/**
 * Looks at a video, img or canvas at every display frame for a while.
 * @param find the source text of a function that returns the element, run in the page.
 * @param begun is called once the page has been told to look.
 */
export async function watchScreen(
  page: Page,
  find: string,
  milliseconds: number,
  begun: () => void = () => {},
): Promise<Sighting[]> {
  const offset = await clockOffset(page);
  const looking = page.evaluate(
    `(${LOOK})(${find}, ${FRAME_CODE_CELLS}, ${cellSizeSource()}, ${milliseconds})`,
  );
  begun();
  const looks = (await looking) as Look[];
  const sightings: Sighting[] = [];
  for (const { at, cells } of looks) {
    const number = readFrameCode(cells);
    if (number !== undefined && number !== sightings.at(-1)?.number)
      sightings.push({ number, at: at + offset });
  }
  return sightings;
}

/** Runs in the page. Only what differs from the look before is kept. */
const LOOK = `async (find, count, cellSize, milliseconds) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const looks = [];
  let last = "";
  const end = performance.now() + milliseconds;
  for (;;) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    if (now > end) return looks;
    const element = find();
    const width = element?.videoWidth ?? element?.naturalWidth ?? element?.width;
    const height = element?.videoHeight ?? element?.naturalHeight ?? element?.height;
    if (!width) continue;
    const size = cellSize(width);
    canvas.width = size * count;
    canvas.height = 1;
    // Firefox draws the first picture of an MJPEG <img> only; createImageBitmap copies the current one.
    const drawn = element instanceof HTMLImageElement ? await createImageBitmap(element) : element;
    context.drawImage(drawn, 0, height - Math.ceil(size / 2), canvas.width, 1, 0, 0, canvas.width, 1);
    const pixels = context.getImageData(0, 0, canvas.width, 1).data;
    const cells = Array.from({ length: count }, (_, i) => pixels[4 * Math.floor((i + 0.5) * size) + 1]);
    const key = cells.map((cell) => (cell > 127 ? 1 : 0)).join("");
    if (key !== last) looks.push({ at: performance.timeOrigin + now, cells });
    last = key;
  }
}`;

/** Source text of a function from a width to the cell size, from the definition in src. */
function cellSizeSource(): string {
  const sizes = new Map([480, 960, 1280, 1920].map((width) => [width, frameCodeCellSize(width)]));
  return `(width) => new Map(${JSON.stringify([...sizes])}).get(width)`;
}

/** Milliseconds to add to the page's clock to get this process's clock: the midpoint of the fastest round trip. */
async function clockOffset(page: Page): Promise<number> {
  let best = { roundTrip: Number.POSITIVE_INFINITY, offset: 0 };
  for (let i = 0; i < 40; i++) {
    const before = performance.timeOrigin + performance.now();
    const there = (await page.evaluate("performance.timeOrigin + performance.now()")) as number;
    const after = performance.timeOrigin + performance.now();
    if (after - before < best.roundTrip)
      best = { roundTrip: after - before, offset: (before + after) / 2 - there };
  }
  return best.offset;
}
