import sharp, { type Sharp } from "sharp";
import { expect, test } from "vitest";
import { plainJpegSize } from "../../../src/encoder/image/plain-jpeg.ts";
import { jpegOfScans } from "../../helpers/hostile-pictures.ts";
import { gradientJpeg } from "../../helpers/pictures.ts";

const picture = () => sharp({ create: { width: 40, height: 24, channels: 3, background: "#4080c0" } });

/** The segment that begins the scan. */
const SCAN = Buffer.from([0xff, 0xda]);

/** Puts a segment before the scan. */
function withSegment(jpeg: Buffer, marker: number, data = Buffer.alloc(0), times = 1): Buffer {
  const segment = Buffer.concat([Buffer.from([0xff, marker, 0, data.length + 2]), data]);
  const at = jpeg.indexOf(SCAN);
  return Buffer.concat([jpeg.subarray(0, at), ...Array<Buffer>(times).fill(segment), jpeg.subarray(at)]);
}

test("a JPEG as render loops and cameras write it is plain, and its size is read", async () => {
  const jpeg = await gradientJpeg(40, 24);
  const grey = await picture().toColourspace("b-w").jpeg().toBuffer();
  const fine = await picture().jpeg({ chromaSubsampling: "4:4:4" }).toBuffer();
  const all = [jpeg, grey, fine, withSegment(jpeg, 0xfe, Buffer.from("a comment")), withSegment(jpeg, 0xe0)];
  for (const one of all) expect(plainJpegSize(one)).toMatchObject({ width: 40, height: 24 });
});

test.each([
  ["progressive", (s: Sharp) => s.jpeg({ progressive: true })],
  ["in CMYK", (s: Sharp) => s.toColourspace("cmyk").jpeg()],
  ["with an ICC profile", (s: Sharp) => s.withIccProfile("p3").jpeg()],
  ["with Exif", (s: Sharp) => s.withExif({ IFD0: { Copyright: "x" } }).jpeg()],
  ["with too many pixels to decode quickly", (s: Sharp) => s.resize(4000, 3000).jpeg()],
  ["that is a PNG", (s: Sharp) => s.png()],
])("a picture %s is not plain", async (_, write) => {
  expect(plainJpegSize(await write(picture()).toBuffer())).toBeUndefined();
});

test("a JPEG with an unusual header is not plain", async () => {
  const jpeg = await gradientJpeg(40, 24);
  const with_ = (marker: number, at: number, value: number) => {
    const changed = Buffer.from(jpeg);
    changed[changed.indexOf(Buffer.from([0xff, marker])) + at] = value;
    return changed;
  };
  const odd = {
    "many scans": jpegOfScans(3),
    "one scan of several": with_(0xda, 4, 1),
    "arithmetic coding": with_(0xc0, 1, 0xc9),
    "12 bits": with_(0xc0, 4, 12),
    "no height": with_(0xc0, 6, 0),
    "a second frame": withSegment(
      jpeg,
      0xc0,
      Buffer.from([8, 0, 24, 0, 40, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]),
    ),
    "many segments": withSegment(jpeg, 0xfe, undefined, 100),
    "fill bytes": Buffer.concat([jpeg.subarray(0, 2), Buffer.from([0xff]), jpeg.subarray(2)]),
    "a megabyte too many": Buffer.concat([jpeg, Buffer.alloc(17 * 1024 * 1024)]),
  };
  for (const [what, one] of Object.entries(odd)) expect(plainJpegSize(one), what).toBeUndefined();
});

test("a JPEG that is cut off or damaged anywhere causes no exception", async () => {
  const jpeg = await gradientJpeg(40, 24);
  for (let at = 0; at < jpeg.length; at++) {
    plainJpegSize(jpeg.subarray(0, at));
    for (const value of [0x00, 0xff, 0xda]) {
      const broken = Buffer.from(jpeg);
      broken[at] = value;
      plainJpegSize(broken);
    }
  }
});
