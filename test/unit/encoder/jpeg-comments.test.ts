import { expect, test } from "vitest";
import { encodeJpeg, withoutComments } from "../../../src/encoder/image/jpeg.ts";
import { plain } from "../../helpers/pictures.ts";

function comment(text: string): Buffer {
  const head = Buffer.from([0xff, 0xfe, 0, 0]);
  head.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([head, Buffer.from(text)]);
}

test("removes a picture's comments wherever they are, and nothing else", async () => {
  const jpeg = await encodeJpeg(plain(16, 16, [200, 10, 10]));
  const afterFirstSegment = 4 + jpeg.readUInt16BE(4);
  for (const places of [[2], [afterFirstSegment], [2, afterFirstSegment]]) {
    let commented = jpeg;
    for (const place of places.toReversed()) {
      commented = Buffer.concat([
        commented.subarray(0, place),
        comment("/home/me/secret.blend"),
        commented.subarray(place),
      ]);
    }
    expect(withoutComments(commented)).toEqual(jpeg);
  }
});

test("returns a picture without comments itself, and invalid data unchanged", async () => {
  const jpeg = await encodeJpeg(plain(16, 16, [200, 10, 10]));
  expect(withoutComments(jpeg)).toBe(jpeg);
  for (let length = 0; length < 40; length++) {
    const cut = jpeg.subarray(0, length);
    expect(withoutComments(cut)).toEqual(cut);
  }
});

test("removes 900 comments, and gives up at 100,000, so that the picture is encoded again", async () => {
  const jpeg = await encodeJpeg(plain(16, 16, [200, 10, 10]));
  const withEmpty = (comments: number) => {
    const empty = Buffer.alloc(4 * comments, comment(""));
    return Buffer.concat([jpeg.subarray(0, 2), empty, jpeg.subarray(2)]);
  };
  expect(withoutComments(withEmpty(900))).toEqual(jpeg);
  expect(withoutComments(withEmpty(100_000))).toBeUndefined();
});
