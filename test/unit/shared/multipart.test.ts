import { describe, expect, test } from "vitest";
import { releaseMemory } from "../../../src/base/memory.ts";
import { MultipartError, MultipartParser, type Part } from "../../../src/shared/multipart.ts";

const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const text = (data: Uint8Array) => String.fromCharCode(...data);
const part = (body: string, extra = "") =>
  `--cut\r\nContent-Type: image/jpeg\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}\r\n`;
const bodies = (parts: Part[]) => parts.map(({ body }) => text(body));
const parse = (stream: string, chunk = stream.length) => {
  const parser = new MultipartParser("cut");
  const data = bytes(stream);
  const parts: Part[] = [];
  for (let at = 0; at < data.length; at += chunk) parts.push(...parser.read(data.subarray(at, at + chunk)));
  return parts;
};

describe("MultipartParser", () => {
  test("reads parts with their headers by lower-case name", () => {
    const [first, second] = parse(part("one", "X-Sent: 12.5\r\n") + part("two!"));
    expect(text(first?.body ?? bytes(""))).toBe("one");
    expect(first?.headers.get("x-sent")).toBe("12.5");
    expect(first?.headers.get("content-type")).toBe("image/jpeg");
    expect(text(second?.body ?? bytes(""))).toBe("two!");
    expect(second?.headers.has("x-sent")).toBe(false);
  });

  test("reads the same parts wherever the chunks are cut", () => {
    const stream = part("a\r\n--cut\r\nb") + part("") + part("\n\n--cut--\n");
    const whole = bodies(parse(stream));
    expect(whole).toEqual(["a\r\n--cut\r\nb", "", "\n\n--cut--\n"]);
    for (let chunk = 1; chunk <= stream.length; chunk++) expect(bodies(parse(stream, chunk))).toEqual(whole);
  });

  test("hands a part over with its last byte, without waiting for the next boundary", () => {
    const parser = new MultipartParser("cut");
    const stream = bytes(part("picture"));
    expect([...parser.read(stream.subarray(0, -3))]).toEqual([]);
    expect(bodies([...parser.read(stream.subarray(-3, -2))])).toEqual(["picture"]);
  });

  test("accepts bare line feeds, and a line break before the first boundary", () => {
    expect(bodies(parse("\r\n--cut\nContent-Length: 2\n\nhi\n--cut\nContent-Length: 1\n\n!"))).toEqual([
      "hi",
      "!",
    ]);
  });

  test("ends at the closing boundary and ignores what follows", () => {
    expect(bodies(parse(`${part("last")}--cut--\r\nepilogue that is no part`))).toEqual(["last"]);
  });

  test("shares no memory with the chunks that it read", () => {
    const chunk = bytes(part("kept"));
    const [first] = new MultipartParser("cut").read(chunk);
    chunk.fill(0);
    expect(text(first?.body ?? chunk)).toBe("kept");
  });

  test.each([1, 2, 4, 8, 16, 32, 63, 64])(
    "keeps a picture of %i KB that came in one chunk after the chunk's memory is freed",
    (kilobytes) => {
      const picture = Buffer.from(Uint8Array.from({ length: kilobytes * 1024 }, (_, n) => n));
      const lengths = ["", `Content-Length: ${picture.length}\r\n`];
      for (const length of lengths) {
        const stream = Buffer.concat([bytes(`--p\r\n${length}\r\n`), picture, bytes("\r\n--p--\r\n")]);
        // A network read has its own memory, and `slice` of Node's Buffer shares it.
        const headers = stream.indexOf(picture);
        for (const cut of [0, headers, headers + 1]) {
          const parser = new MultipartParser("p");
          const parts: Part[] = [];
          for (const read of [stream.subarray(0, cut), stream.subarray(cut)]) {
            const chunk = Buffer.from(Uint8Array.from(read).buffer);
            parts.push(...parser.read(chunk));
            releaseMemory(chunk);
          }
          expect(parts).toHaveLength(1);
          expect(picture.equals(parts[0]?.body ?? bytes(""))).toBe(true);
        }
      }
    },
  );

  test("ends a part of unknown length at the boundary behind it, wherever the chunks are cut", () => {
    const tricky = "\r\n--cu\r\n\r\n-\r\r";
    const stream = `--cut\r\n\r\n${tricky}\r\n--cut\r\nX: y\r\n\r\n\r\n--cut\r\n\r\nlast\r\n--cut--\r\n`;
    const expected = [tricky, "", "last"];
    for (let chunk = 1; chunk <= stream.length; chunk++)
      expect(bodies(parse(stream, chunk))).toEqual(expected);
  });

  test("buffers no more of a part of unknown length than the limit", () => {
    const parser = new MultipartParser("cut", { maxPartBytes: 1000 });
    parser.read(bytes("--cut\r\n\r\n")).next();
    expect(() => {
      for (let n = 0; n < 100; n++) parser.read(bytes("x".repeat(100))).next();
    }).toThrow(new MultipartError("A part is longer than the limit of 1000 bytes", "too-large"));
  });

  test("finds the end of a body full of line ends and dashes, wherever the chunks are cut", () => {
    for (const filler of ["\r", "\r\n", "\n", "\r\n-", "-"]) {
      const body = filler.repeat(150);
      const stream = `--cut\r\n\r\n${body}\r\n--cut\r\n\r\n\r\n--cut--\r\n`;
      for (const chunk of [1, 2, 3, 5, 64, 127, stream.length])
        expect(bodies(parse(stream, chunk))).toEqual([body, ""]);
    }
  });

  test("accepts a few empty lines before a boundary", () => {
    expect(bodies(parse(`${part("one")}${"\r\n".repeat(60)}${part("two")}`))).toEqual(["one", "two"]);
  });

  test("takes the boundary from the first line if the request did not name one", () => {
    const parser = new MultipartParser(undefined);
    expect(bodies([...parser.read(bytes(part("one") + part("two")))])).toEqual(["one", "two"]);
    expect(() => new MultipartParser(undefined).read(bytes("no boundary\r\n")).next()).toThrow(
      MultipartError,
    );
  });

  test.each([
    [
      undefined,
      "\xff\xd8\xff a JPEG alone\n",
      /^The body should begin with a boundary, a line such as --frame/,
    ],
    [undefined, `\xff\xd8${"x".repeat(30_000)}`, /^The body should begin with a boundary/],
    ["cut", part("x").replace("--cut", "--other"), /^The boundary --cut should follow here/],
    ["cut", `${part("x")}something else\r\n`, /^The boundary --cut should follow here/],
  ])("says what it expected (boundary %s) if a boundary is missing", (boundary, stream, sentence) => {
    expect(() => [...new MultipartParser(boundary).read(bytes(stream))]).toThrow(sentence);
  });

  test("knows whether it was cut off within a part", () => {
    const stream = `${part("x")}--cut\r\n`;
    for (let length = 0; length <= stream.length; length++) {
      const parser = new MultipartParser("cut");
      const parts = [...parser.read(bytes(stream.slice(0, length)))];
      const within = length > "--cut\r\n".length && parts.length === 0;
      expect(parser.complete).toBe(!within);
    }
  });

  test("knows whether the closing boundary has come", () => {
    const parser = new MultipartParser("cut");
    expect([...parser.read(bytes(part("x")))]).toHaveLength(1);
    expect(parser.ended).toBe(false);
    parser.read(bytes("--cut--\r\n")).next();
    expect(parser.ended).toBe(true);
  });

  test.each([
    ["a length that is too short", "--cut\r\nContent-Length: 2\r\n\r\npicture\r\n--cut\r\n"],
    [
      "a length that is too long",
      "--cut\r\nContent-Length: 12\r\n\r\npicture\r\n--cut\r\nContent-Length: 1\r\n\r\nx",
    ],
    ["a negative length", "--cut\r\nContent-Length: -1\r\n\r\n"],
    ["a length in words", "--cut\r\nContent-Length: 1e3\r\n\r\n"],
    ["a part beyond the limit", `--cut\r\nContent-Length: ${2 ** 40}\r\n\r\n`],
    ["another boundary", part("x").replace("--cut", "--other")],
    ["a page where the stream should be", "<!doctype html>\n<title>Not found</title>\n"],
    ["a header without a name", "--cut\r\n: x\r\n\r\n"],
    ["endless headers", `--cut\r\n${Array.from({ length: 99 }, (_, n) => `X-${n}: x\r\n`).join("")}`],
    ["endless headers of one name", `--cut\r\n${"A: b\r\n".repeat(99)}`],
    ["endless empty lines before a boundary", `${part("x")}${"\n".repeat(99)}`],
    ["endless empty lines before the first boundary", "\n".repeat(99)],
    ["an endless line", "x".repeat(100_000)],
  ])("refuses %s", (_what, stream) => {
    expect(() => parse(stream)).toThrow(MultipartError);
    expect(() => parse(stream, 7)).toThrow(MultipartError);
  });
});
