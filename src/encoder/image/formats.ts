/** The formats of pictures that are taken, by their first bytes: for anything else no process is started. */

/** Each format's bytes, and where they are. */
const SIGNATURES: readonly (readonly [offset: number, bytes: string])[] = [
  [0, "\xff\xd8\xff"], // JPEG
  [0, "\x89PNG\r\n\x1a\n"],
  [8, "WEBP"],
  [0, "GIF8"],
  [0, "II*\0"], // TIFF, and the same with the high byte first
  [0, "MM\0*"],
  [4, "ftyp"], // AVIF and HEIF
];

/** Whether it begins as one of them does. */
export function isPicture(data: Buffer): boolean {
  const head = data.subarray(0, 12).toString("latin1");
  return SIGNATURES.some(([offset, bytes]) => head.startsWith(bytes, offset));
}
