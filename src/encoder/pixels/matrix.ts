/** How colours are coded as luma and chroma. */

/** BT.601 is what VP8 means, and small H.264; pictures of 720 rows and up are taken for BT.709 by who has to guess. */
export type Matrix = "bt601" | "bt709";

/** What red and blue have of luma; green has the rest. */
const SHARES: Record<Matrix, { readonly red: number; readonly blue: number }> = {
  bt601: { red: 0.299, blue: 0.114 },
  bt709: { red: 0.2126, blue: 0.0722 },
};

interface Weights {
  readonly red: number;
  readonly green: number;
  readonly blue: number;
}

/** Of red, green and blue in each plane, as integers of so many for 1: limited range, of levels up to 255. */
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
    // Green has what makes them nothing together: greys shall have no colour.
    cb: { red: redOfCb, green: -redOfCb - largest, blue: largest },
    cr: { red: largest, green: -largest - blueOfCr, blue: blueOfCr },
  };
}
