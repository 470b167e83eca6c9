/**
 * The typeface of the built-in scene: a light geometric sans for small sizes. One unit is one pixel at scale 1. Whole
 * coordinates are pixel centres, so that stems and bars are sharp.
 */

/** A character's shape. */
export interface Glyph {
  /** Distance to the left edge of the next character, in units. */
  readonly advance: number;
  /**
   * Pen strokes: `M x y` moves to a point, `L x y` draws a line, `Q x y x y` a quadratic curve. The baseline is y = 0,
   * and y points up. Small letters reach 5, tall ones 8, descenders -3.
   */
  readonly strokes: string;
}

const ROUND = "M0 2.5 Q0 5 2 5 Q4 5 4 2.5 Q4 0 2 0 Q0 0 0 2.5";
const DIGIT = 7;

/** All characters of the scene's texts. */
export const GLYPHS: Readonly<Record<string, Glyph>> = {
  " ": { advance: 4, strokes: "" },
  a: { advance: 7, strokes: `${ROUND} M4 5 L4 0` },
  b: { advance: 7, strokes: `${ROUND} M0 8 L0 0` },
  c: { advance: 6, strokes: "M3.8 4.1 Q3.2 5 2 5 Q0 5 0 2.5 Q0 0 2 0 Q3.2 0 3.8 .9" },
  d: { advance: 7, strokes: `${ROUND} M4 8 L4 0` },
  e: { advance: 7, strokes: "M0 3 L4 3 Q4 5 2 5 Q0 5 0 2.5 Q0 0 2 0 Q3.3 0 3.9 .9" },
  f: { advance: 5, strokes: "M3 8 Q1 8 1 6 L1 0 M0 5 L3 5" },
  i: { advance: 3, strokes: "M0 5 L0 0 M0 7.6 L0 7.6" },
  l: { advance: 3, strokes: "M0 8 L0 0" },
  m: { advance: 9, strokes: "M0 5 L0 0 M0 3 Q0 5 1.5 5 Q3 5 3 3 L3 0 M3 3 Q3 5 4.5 5 Q6 5 6 3 L6 0" },
  n: { advance: 7, strokes: "M0 5 L0 0 M0 3 Q0 5 2 5 Q4 5 4 3 L4 0" },
  o: { advance: 7, strokes: ROUND },
  p: { advance: 7, strokes: `${ROUND} M0 5 L0 -3` },
  r: { advance: 5, strokes: "M0 5 L0 0 M0 2.5 Q0 5 2.6 5" },
  s: {
    advance: 6,
    strokes: "M3.4 4.3 Q3 5 1.8 5 Q0 5 0 3.8 Q0 2.8 1.8 2.5 Q3.6 2.2 3.6 1.2 Q3.6 0 1.8 0 Q.4 0 0 .8",
  },
  t: { advance: 5, strokes: "M1 7 L1 2 Q1 0 3 0 M0 5 L3 5" },
  u: { advance: 7, strokes: "M0 5 L0 2 Q0 0 2 0 Q4 0 4 2 M4 5 L4 0" },
  B: {
    advance: 7,
    strokes: "M0 0 L0 8 L2.2 8 Q4 8 4 6 Q4 4 2.2 4 L0 4 M2.2 4 Q4.4 4 4.4 2 Q4.4 0 2.2 0 L0 0",
  },
  "-": { advance: 5, strokes: "M0 3 L2 3" },
  ":": { advance: 4, strokes: "M0 5 L0 5 M0 1 L0 1" },
  ".": { advance: 4, strokes: "M0 0 L0 0" },
  "0": { advance: DIGIT, strokes: "M0 5 Q0 8 2 8 Q4 8 4 5 L4 3 Q4 0 2 0 Q0 0 0 3 L0 5" },
  "1": { advance: DIGIT, strokes: "M.4 6.4 L2.4 8 L2.4 0" },
  "2": { advance: DIGIT, strokes: "M0 6.2 Q0 8 2 8 Q4 8 4 6 Q4 4.8 3 3.6 L0 0 L4 0" },
  "3": { advance: DIGIT, strokes: "M.1 7 Q.6 8 2 8 Q4 8 4 6 Q4 4 2 4 Q4 4 4 2 Q4 0 2 0 Q.6 0 0 1.2" },
  "4": { advance: DIGIT, strokes: "M3 0 L3 8 L0 2 L4 2" },
  "5": { advance: DIGIT, strokes: "M3.6 8 L.5 8 L.2 4.4 Q.8 5 2 5 Q4 5 4 2.5 Q4 0 2 0 Q.5 0 0 1" },
  "6": {
    advance: DIGIT,
    strokes: "M3.7 7.2 Q3.2 8 2.2 8 Q0 8 0 4 L0 2.5 Q0 0 2 0 Q4 0 4 2.5 Q4 5 2 5 Q0 5 0 2.5",
  },
  "7": { advance: DIGIT, strokes: "M0 8 L4 8 L1.2 0" },
  "8": {
    advance: DIGIT,
    strokes: "M2 4 Q0 4 0 6 Q0 8 2 8 Q4 8 4 6 Q4 4 2 4 Q0 4 0 2 Q0 0 2 0 Q4 0 4 2 Q4 4 2 4",
  },
  "9": {
    advance: DIGIT,
    strokes: "M.3 .8 Q.8 0 1.8 0 Q4 0 4 4 L4 5.5 Q4 8 2 8 Q0 8 0 5.5 Q0 3 2 3 Q4 3 4 5.5",
  },
};

/** Units from the baseline up to the top of the tallest characters. */
export const ASCENT = 9;
/** Units from the baseline down to the bottom of the lowest characters. */
export const DESCENT = 3;
