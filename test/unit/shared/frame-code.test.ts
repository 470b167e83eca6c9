import { describe, expect, test } from "vitest";
import {
  FRAME_CODE_CELLS,
  frameCodeCellSize,
  frameCodeCells,
  readFrameCode,
} from "../../../src/shared/frame-code.ts";

/** Numbers of every magnitude, on both sides of each carry, and some without a pattern. */
const NUMBERS = [
  0,
  2 ** 24 - 1,
  ...Array.from({ length: 24 }, (_, bit) => [2 ** bit - 1, 2 ** bit]).flat(),
  ...Array.from({ length: 200 }, (_, i) => (i * 7_654_321 + 12_345) % 2 ** 24),
];

const bright = (cells: readonly boolean[], white = 255, black = 0) =>
  cells.map((cell) => (cell ? white : black));
const flipped = (cells: readonly boolean[], ...which: number[]) =>
  cells.map((cell, i) => (which.includes(i) ? !cell : cell));

describe("the frame code", () => {
  test("reads back every number it can hold", () => {
    for (const number of NUMBERS) expect(readFrameCode(bright(frameCodeCells(number)))).toBe(number);
  });

  test("counts on from 0 after its last number", () => {
    expect(readFrameCode(bright(frameCodeCells(2 ** 24 + 5)))).toBe(5);
  });

  test("reads a picture of low contrast, as from a dark screen or limited-range video", () => {
    expect(readFrameCode(bright(frameCodeCells(123_456), 140, 60))).toBe(123_456);
  });

  test("reads no number without contrast", () => {
    expect(readFrameCode(bright(frameCodeCells(123_456), 128, 100))).toBeUndefined();
    expect(readFrameCode(new Array(FRAME_CODE_CELLS).fill(0))).toBeUndefined();
    expect(readFrameCode(new Array(FRAME_CODE_CELLS).fill(255))).toBeUndefined();
  });

  test("reads no number from too few cells", () => {
    expect(readFrameCode(bright(frameCodeCells(7)).slice(0, -1))).toBeUndefined();
  });

  test("detects any single wrong cell", () => {
    for (const number of NUMBERS) {
      const cells = frameCodeCells(number);
      for (let i = 0; i < FRAME_CODE_CELLS; i++) {
        expect(readFrameCode(bright(flipped(cells, i)))).toBeUndefined();
      }
    }
  });

  test("detects any two and any three wrong cells", () => {
    const cells = frameCodeCells(1_234_567);
    const unseen: number[][] = [];
    for (let a = 2; a < FRAME_CODE_CELLS; a++) {
      for (let b = a + 1; b < FRAME_CODE_CELLS; b++) {
        for (let c = b; c < FRAME_CODE_CELLS; c++) {
          // With c at b, only two cells are wrong.
          if (readFrameCode(bright(flipped(cells, a, b, c))) !== undefined) unseen.push([a, b, c]);
        }
      }
    }
    expect(unseen).toEqual([]);
  });

  test("reads no number from a row of one colour behind the calibration pair", () => {
    for (const fill of [0, 255]) {
      const row = new Array(FRAME_CODE_CELLS).fill(fill);
      expect(readFrameCode([255, 0, ...row.slice(2)])).toBeUndefined();
    }
  });

  test("has cells of whole pixels that leave a fifth of the picture free", () => {
    expect(frameCodeCellSize(480)).toBe(12);
    for (let width = 80; width <= 3840; width++) {
      expect(frameCodeCellSize(width) * FRAME_CODE_CELLS).toBeLessThanOrEqual(Math.max(64, 0.8 * width));
    }
  });
});
