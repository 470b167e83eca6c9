/**
 * Checks whether a file holds a whole JPEG, from its structure alone (ITU-T T.81, annex B). Without decoding, it is
 * fast enough for every look at a file that may still be growing.
 */

/** The size of a picture in pixels, from its frame header. */
export interface JpegSize {
  readonly width: number;
  readonly height: number;
}

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const TEM = 0x01;

/**
 * The picture's size if it is whole, otherwise undefined. A whole picture has a start marker, segments up to the first
 * scan, and an end marker; only zero bytes may follow.
 *
 * Segments are skipped by their length, which skips the end marker of an embedded thumbnail. Scans need no search: in
 * them, a zero follows each 0xFF byte of data.
 */
export function isWholeJpeg(data: Uint8Array): JpegSize | undefined {
  if (data[0] !== 0xff || data[1] !== SOI) return undefined;
  let size: JpegSize | undefined;
  let at = 2;
  for (;;) {
    if (data[at] !== 0xff) return undefined;
    // Any number of 0xFF bytes may precede a marker.
    while (data[at] === 0xff) at++;
    const marker = data[at];
    if (marker === undefined || marker === 0 || marker === SOI || marker === EOI) return undefined;
    at++;
    if (marker === TEM || isRestart(marker)) continue;
    const length = wordAt(data, at);
    if (length < 2 || at + length > data.length) return undefined;
    if (isFrameHeader(marker)) {
      if (length < 8) return undefined;
      size = { height: wordAt(data, at + 3), width: wordAt(data, at + 5) };
      if (size.width === 0 || size.height === 0) return undefined;
    }
    at += length;
    if (marker === SOS) return size && endsWithEoi(data, at) ? size : undefined;
  }
}

/** Whether the data is the beginning of a JPEG, however short. */
export function beginsAsJpeg(data: Uint8Array): boolean {
  return [0xff, SOI, 0xff].every((byte, at) => at >= data.length || data[at] === byte);
}

/** The big-endian 16-bit number at this offset; -1 beyond the end. */
function wordAt(data: Uint8Array, at: number): number {
  const high = data[at];
  const low = data[at + 1];
  return high === undefined || low === undefined ? -1 : high * 256 + low;
}

function isRestart(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd7;
}

/** SOF0 to SOF15, without DHT, JPG and DAC, whose numbers lie between them. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function endsWithEoi(data: Uint8Array, scan: number): boolean {
  let end = data.length;
  while (end > scan && data[end - 1] === 0) end--;
  return end - 2 >= scan && data[end - 2] === 0xff && data[end - 1] === EOI;
}
