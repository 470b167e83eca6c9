/** Draws the frame code (`src/shared/frame-code.ts`) into the picture's bottom left corner. */
import { FRAME_CODE_CELLS, frameCodeCellSize, frameCodeCells } from "../../shared/frame-code.ts";
import { type Canvas, colour } from "./canvas.ts";

/** Not pure white and black: these would outshine the picture, and cause the most ringing in video. */
const WHITE = colour(190, 196, 208);
const BLACK = colour(8, 9, 12);

/** Height of the code in pixels, for a picture of this size; 0 if it does not fit and is omitted. */
export function frameCodeHeight(width: number, height: number): number {
  const cell = frameCodeCellSize(width);
  return FRAME_CODE_CELLS * cell <= width && cell <= height ? cell : 0;
}

/** Draws the code of a frame number, if it fits in the picture. */
export function drawFrameCode({ width, height, pixels }: Canvas, frameNumber: number): void {
  const cell = frameCodeHeight(width, height);
  frameCodeCells(frameNumber).forEach((white, i) => {
    for (let row = height - cell; row < height; row++) {
      const left = row * width + i * cell;
      pixels.fill(white ? WHITE : BLACK, left, left + cell);
    }
  });
}
