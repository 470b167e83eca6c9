/** Which pictures are decoded in the server's own process: JPEGs whose work is bounded by their size alone. */

const SOI = 0xffd8;
const MARKER = 0xff;
const SOF0 = 0xc0;
const SOF1 = 0xc1;
const HUFFMAN_TABLES = 0xc4;
const START_OF_SCAN = 0xda;
const QUANTIZATION_TABLES = 0xdb;
const RESTART_INTERVAL = 0xdd;
const APP0 = 0xe0;
/** Exif and XMP: 64 KB of Exif take the library 0.2 s. */
const APP1 = 0xe1;
/** ICC profiles, which are programs for each pixel. */
const APP2 = 0xe2;
const APP15 = 0xef;
const COMMENT = 0xfe;

/** Some 4096x2160: even of noise they take no longer than 0.3 s. */
const MAX_PIXELS = 9_000_000;

const MAX_BYTES = 16 * 1024 * 1024;

/** More than any camera or program writes before the picture. */
const MAX_SEGMENTS = 100;

/**
 * The size of a JPEG of one Huffman-coded sequential scan (ITU-T T.81, annex F) that neither is large nor carries
 * what needs a parser of its own; undefined for every other picture, sound or not.
 */
export function plainJpegSize(data: Buffer): { width: number; height: number } | undefined {
  if (data.length > MAX_BYTES || data.length < 4 || data.readUInt16BE(0) !== SOI) return undefined;
  let frame: { width: number; height: number; components: number } | undefined;
  let at = 2;
  for (let segments = 0; segments < MAX_SEGMENTS && at + 10 <= data.length; segments++) {
    if (data[at] !== MARKER) return undefined;
    const marker = data[at + 1] ?? 0;
    if (marker === START_OF_SCAN) {
      // Fewer components in the scan than in the frame: more scans follow, as many as there are bytes.
      const isOnly = frame !== undefined && data[at + 4] === frame.components;
      return isOnly && frame && frame.width * frame.height <= MAX_PIXELS ? frame : undefined;
    }
    if (marker === SOF0 || marker === SOF1) {
      const components = data[at + 9] ?? 0;
      const isUsual = data[at + 4] === 8 && (components === 1 || components === 3);
      if (frame || !isUsual) return undefined;
      frame = { width: data.readUInt16BE(at + 7), height: data.readUInt16BE(at + 5), components };
      if (frame.width === 0 || frame.height === 0) return undefined;
    } else if (!isHarmless(marker)) return undefined;
    at += 2 + data.readUInt16BE(at + 2);
  }
  return undefined;
}

function isHarmless(marker: number): boolean {
  const isApplication = marker >= APP0 && marker <= APP15 && marker !== APP1 && marker !== APP2;
  const isTable = marker === HUFFMAN_TABLES || marker === QUANTIZATION_TABLES || marker === RESTART_INTERVAL;
  return isApplication || isTable || marker === COMMENT;
}
