/** Copies pictures from the screen of a page, to compare them with their source. */
import type { Page } from "puppeteer-core";
import { FRAME_CODE_CELLS, frameCodeCellSize, readFrameCode } from "../../src/shared/frame-code.ts";
import { luma } from "./luma.ts";

/** Milliseconds between copies, rare enough not to slow the page down. */
const COPY_INTERVAL = 200;

/** Source text that returns the player's video or canvas; the canvas gets a video's size properties. */
export const PLAYER = `() => {
  const root = document.querySelector("rendercast-player").shadowRoot;
  const canvas = root.querySelector("canvas");
  if (canvas.hidden) return root.querySelector("video");
  return Object.assign(canvas, { videoWidth: canvas.width, videoHeight: canvas.height });
}`;
/** Source text that returns the page's image. */
export const IMAGE = `() => document.querySelector("img")`;

/** A picture that was shown. */
export interface Copy {
  readonly number: number;
  readonly width: number;
  readonly height: number;
  /** Reads its luma from the page. */
  luma(): Promise<Uint8Array>;
}

/** Starts copying pictures in the page, scaled to the source's size. */
export async function beginCopies(
  page: Page,
  find: string,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<void> {
  await page.evaluate(`(() => {
    const find = ${find};
    const luma = ${luma};
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const copies = (window.copies = []);
    window.copying = setInterval(() => requestAnimationFrame(() => {
      const element = find();
      if (!(element?.videoWidth ?? element?.naturalWidth)) return;
      const [width, height] = [${width}, ${height}];
      Object.assign(canvas, { width, height });
      context.drawImage(element, 0, 0, width, height);
      copies.push({ width, height, plane: luma(context.getImageData(0, 0, width, height).data) });
    }), ${COPY_INTERVAL});
  })()`);
}

/** Stops copying. Returns the copies with a readable frame code. */
export async function endCopies(page: Page): Promise<Copy[]> {
  await page.evaluate("clearInterval(window.copying)");
  const sizes = (await page.evaluate("copies.map(({ width, height }) => ({ width, height }))")) as {
    width: number;
    height: number;
  }[];
  const copies: Copy[] = [];
  for (const [n, { width, height }] of sizes.entries()) {
    const cell = frameCodeCellSize(width);
    const cells = (await page.evaluate(
      `Array.from({ length: ${FRAME_CODE_CELLS} }, (_, i) =>
        copies[${n}].plane[${(height - Math.ceil(cell / 2)) * width} + Math.floor((i + 0.5) * ${cell})])`,
    )) as number[];
    const number = readFrameCode(cells);
    if (number === undefined || number === copies.at(-1)?.number) continue;
    copies.push({ number, width, height, luma: () => readPlane(page, n) });
  }
  return copies;
}

async function readPlane(page: Page, n: number): Promise<Uint8Array> {
  const text = await page.evaluate(`(() => {
    const { plane } = copies[${n}];
    let text = "";
    for (let at = 0; at < plane.length; at += 8192)
      text += String.fromCharCode(...plane.subarray(at, at + 8192));
    return btoa(text);
  })()`);
  return Buffer.from(text as string, "base64");
}
