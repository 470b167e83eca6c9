/** Recognizes plain JPEGs: their size alone bounds the work, so the server decodes them in its own process. */

const SOI = 0xffd8;
const MARKER = 0xff;
const SOF0 = 0xc0;
const SOF1 = 0xc1;
const HUFFMAN_TABLES = 0xc4;
const START_OF_SCAN = 0xda;
const QUANTIZATION_TABLES = 0xdb;
const RESTART_INTERVAL = 0xdd;
const APP0 = 0xe0;
/** Exif and XMP. The library needs 0.2 s for 64 KB of Exif. */
const APP1 = 0xe1;
/** ICC profiles, which run a program for each pixel. */
const APP2 = 0xe2;
const APP15 = 0xef;
const COMMENT = 0xfe;

/** About 4096x2160; a picture of noise takes up to 0.3 s. */
const MAX_PIXELS = 9_000_000;

const MAX_BYTES = 16 * 1024 * 1024;

/** Cameras and programs write fewer segments before the scan. */
const MAX_SEGMENTS = 100;

/**
 * The size in pixels of a plain JPEG: one Huffman-coded sequential scan (ITU-T T.81, annex F), not large, and without
 * metadata that needs a parser of its own. Undefined for all other data.
 */
export function plainJpegSize(data: Buffer): { width: number; height: number } | undefined {
  if (data.length > MAX_BYTES || data.length < 4 || data.readUInt16BE(0) !== SOI) return undefined;
  let frame: { width: number; height: number; components: number } | undefined;
  let at = 2;
  for (let segments = 0; segments < MAX_SEGMENTS && at + 10 <= data.length; segments++) {
    if (data[at] !== MARKER) return undefined;
    const marker = data[at + 1] ?? 0;
    if (marker === START_OF_SCAN) {
      // If the scan has fewer components than the frame, any number of scans may follow.
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
