/** Draws the frame code (`src/shared/frame-code.ts`) into the picture's bottom left corner. */
import { FRAME_CODE_CELLS, frameCodeCellSize, frameCodeCells } from "../../shared/frame-code.ts";
import { type Canvas, colour } from "./canvas.ts";

/** Not quite white and black: they must not outshine the picture, and video's extremes ring the most. */
const WHITE = colour(190, 196, 208);
const BLACK = colour(8, 9, 12);

/** The code's height in pixels in a picture of this size: 0 where it does not fit and is left out. */
export function frameCodeHeight(width: number, height: number): number {
  const cell = frameCodeCellSize(width);
  return FRAME_CODE_CELLS * cell <= width && cell <= height ? cell : 0;
}

/** Draws the code of a frame number, where the picture has room for it. */
export function drawFrameCode({ width, height, pixels }: Canvas, frameNumber: number): void {
  const cell = frameCodeHeight(width, height);
  frameCodeCells(frameNumber).forEach((white, i) => {
    for (let row = height - cell; row < height; row++) {
      const left = row * width + i * cell;
      pixels.fill(white ? WHITE : BLACK, left, left + cell);
    }
  });
}
