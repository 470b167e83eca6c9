/** The weights that code colours as luma and chroma. */

/** VP8 is always BT.601. Decoders that must guess assume BT.709 from 720 rows up, and BT.601 below. */
export type Matrix = "bt601" | "bt709";

/** The shares of red and blue in luma; green has the rest. */
const SHARES: Record<Matrix, { readonly red: number; readonly blue: number }> = {
  bt601: { red: 0.299, blue: 0.114 },
  bt709: { red: 0.2126, blue: 0.0722 },
};

interface Weights {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/**
 * The weights of red, green and blue in each plane, for 8-bit input and limited-range output.
 * @param one the integer that stands for 1.
 */
export function weightsOf(matrix: Matrix, one: number): { luma: Weights; cb: Weights; cr: Weights } {
  const { red, blue } = SHARES[matrix];
  const luma = (one * 219) / 255;
  const chroma = (one * 112) / 255;
  const largest = Math.round(chroma);
  const [redOfCb, blueOfCr] = [
    Math.round((-chroma * red) / (1 - blue)),
    Math.round((-chroma * blue) / (1 - red)),
  ];
  return {
    luma: {
      red: Math.round(luma * red),
      green: Math.round(luma * (1 - red - blue)),
      blue: Math.round(luma * blue),
    },
    // Green balances rounding: weights of sum 0 keep greys without colour.
    cb: { red: redOfCb, green: -redOfCb - largest, blue: largest },
    cr: { red: largest, green: -largest - blueOfCr, blue: blueOfCr },
  };
}
