/** Small pictures that take a decoder much time or memory. */
import { crc32, deflateSync } from "node:zlib";

/** A grey TIFF of zeros in one strip. */
export function tiffOf(width: number, height: number): Buffer {
  const strip = deflateSync(Buffer.alloc(width * height));
  const [short, long] = [3, 4];
  // TIFF 6.0, section 8: a baseline greyscale picture, deflated.
  const entries = [
    [256, long, width],
    [257, long, height],
    [258, short, 8],
    [259, short, 8],
    [262, short, 1],
    [273, long, 122],
    [277, short, 1],
    [278, long, height],
    [279, long, strip.length],
  ] as const;
  const head = Buffer.alloc(122);
  head.write("II*\0\u0008", "latin1");
  head.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, value], i) => {
    const at = 10 + i * 12;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(1, at + 4);
    if (type === short) head.writeUInt16LE(value, at + 8);
    else head.writeUInt32LE(value, at + 8);
  });
  return Buffer.concat([head, strip]);
}

/** A grey PNG of 4x4 pixels, with texts of 7.9 MB that take 8 KB each. */
export function pngOfTexts(texts: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const bytes = Buffer.alloc(12 + data.length);
    bytes.writeUInt32BE(data.length);
    bytes.write(type, 4, "latin1");
    data.copy(bytes, 8);
    bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
    return bytes;
  };
  const header = Buffer.from([0, 0, 0, 4, 0, 0, 0, 4, 8, 0, 0, 0, 0]);
  const text = chunk(
    "iTXt",
    Buffer.concat([Buffer.from("k\0\x01\0\0\0"), deflateSync(Buffer.alloc(7_900_000, "A"))]),
  );
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    ...Array<Buffer>(texts).fill(text),
    chunk("IDAT", deflateSync(Buffer.alloc(4 * 5))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

const SIDE = 4096;

/**
 * A progressive JPEG of 4096x4096 whose scans refine nothing (ITU-T T.81, annex G): each has a few bytes and takes
 * the library some 5 ms, in which it cannot be stopped.
 */
export function jpegOfScans(scans: number): Buffer {
  const segment = (marker: number, ...data: number[]) => {
    const length = data.length + 2;
    return Buffer.from([0xff, marker, length >> 8, length & 0xff, ...data]);
  };
  const none = (count: number) => Array<number>(count).fill(0);
  const components = [1, 2, 3].flatMap((id) => [id, 0x11, 0]);
  const parts = [
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, 0, ...Array<number>(64).fill(1)),
    segment(0xc2, 8, SIDE >> 8, SIDE & 0xff, SIDE >> 8, SIDE & 0xff, 3, ...components),
    // Tables with one code of one bit: no DC difference, and end of band for 2^14 blocks and more.
    segment(0xc4, 0x00, 1, ...none(15), 0),
    segment(0xc4, 0x10, 1, ...none(15), 0xe0),
    segment(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0),
    Buffer.alloc((3 * (SIDE / 8) ** 2) / 8),
  ];
  // 2^18 blocks: 16 times the code and 14 bits that add nothing.
  const scan = Buffer.alloc((16 * 15) / 8);
  const bands = Array.from({ length: 63 }, (_, i) => i + 1);
  const steps = Array.from({ length: 14 }, (_, i) => 13 - i);
  const kinds = bands.flatMap((band) => steps.map((low) => ({ band, low, high: low === 13 ? 0 : low + 1 })));
  for (let n = 0; n < scans; n++) {
    const { band, low, high } = kinds[n % kinds.length] ?? { band: 1, low: 0, high: 0 };
    const component = 1 + (Math.floor(n / kinds.length) % 3);
    parts.push(segment(0xda, 1, component, 0, band, band, (high << 4) | low), scan);
  }
  return Buffer.concat([...parts, Buffer.from([0xff, 0xd9])]);
}
