/** Returns the luma of RGBA pixels, 0 to 255. Its source text also runs in the page: it uses nothing from outside. */
export function luma(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const plane = new Uint8Array(rgba.length / 4);
  for (let n = 0, at = 0; n < plane.length; n++, at += 4)
    plane[n] =
      (299 * (rgba[at] as number) + 587 * (rgba[at + 1] as number) + 114 * (rgba[at + 2] as number) + 500) /
      1000;
  return plane;
}
