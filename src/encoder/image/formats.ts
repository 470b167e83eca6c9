/** Recognizes picture formats by their first bytes, so that no process is started for anything else. */

/** The signature of each format, and its offset in bytes. */
const SIGNATURES: readonly (readonly [offset: number, bytes: string])[] = [
  [0, "\xff\xd8\xff"], // JPEG
  [0, "\x89PNG\r\n\x1a\n"],
  [8, "WEBP"],
  [0, "GIF8"],
  [0, "II*\0"], // TIFF, little-endian, then big-endian
  [0, "MM\0*"],
  [4, "ftyp"], // AVIF and HEIF
];

/** Whether the data begins like a picture of a supported format. */
export function isPicture(data: Buffer): boolean {
  const head = data.subarray(0, 12).toString("latin1");
  return SIGNATURES.some(([offset, bytes]) => head.startsWith(bytes, offset));
}
