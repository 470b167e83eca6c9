import { describe, expect, test } from "vitest";
import type { EpochMs } from "../../../src/base/clock.ts";
import { type PixelFormat, planesOf } from "../../../src/media/frame.ts";
import { frameOf, mediaType, type PartContext, PartError } from "../../../src/source/ingest/part.ts";

const context: PartContext = {
  received: 1_000_000 as EpochMs,
  nextNumber: 7,
  sameClock: true,
  maxPixels: 1_000_000,
};

const part = (headers: Record<string, string>, body: readonly number[] = [1]) => ({
  headers: new Map(Object.entries(headers)),
  body: Uint8Array.from(body),
});
const read = (headers: Record<string, string>, body?: readonly number[], more: Partial<PartContext> = {}) =>
  frameOf(part(headers, body), { ...context, ...more });
const rawType = (text: string) => ({ "content-type": `application/x-raw-pixels; ${text}` });
const zeros = (length: number) => Array.from({ length }, () => 0);

/** The refusal of the part, or undefined if it is accepted. */
function refusal(headers: Record<string, string>, body?: readonly number[], more?: Partial<PartContext>) {
  try {
    read(headers, body, more);
    return undefined;
  } catch (error) {
    if (!(error instanceof PartError)) throw error;
    expect(error.message).toMatch(/^[A-Z0-9].*\.$/s);
    return { status: error.status, fault: error.fault };
  }
}

describe("a picture file", () => {
  test("is kept unchanged, with its type in lower case", () => {
    const frame = read({ "content-type": "Image/PNG; charset=none" }, [5, 6, 7]);
    expect(frame).toEqual({
      kind: "image",
      type: "image/png",
      number: 7,
      data: Buffer.from([5, 6, 7]),
      timings: { captured: context.received, received: context.received },
    });
  });

  test("without a type counts as a JPEG", () => {
    expect(read({})).toMatchObject({ kind: "image", type: "image/jpeg" });
  });

  test("without bytes is refused", () => {
    expect(refusal({ "content-type": "image/jpeg" }, [])).toEqual({ status: 400, fault: "bad_length" });
  });

  test.each(["text/html", "video/mp4", "application/json", "", "image", "imagejpeg/x"])(
    "of the type '%s' is refused",
    (type) => {
      expect(refusal({ "content-type": type })).toEqual({ status: 415, fault: "bad_format" });
    },
  );
});

describe("an idle part", () => {
  test("gives no frame, whatever its other headers are", () => {
    expect(read({ "content-type": "application/x-idle" }, [])).toBeUndefined();
    expect(
      read({ "content-type": "Application/X-Idle; x=y", "x-telemetry": "none" }, [1, 2]),
    ).toBeUndefined();
  });
});

describe("raw pixels", () => {
  const formats: PixelFormat[] = ["rgb", "rgba", "bgra", "i420", "nv12"];
  const bytes: Record<PixelFormat, (width: number, height: number) => number> = {
    rgb: (width, height) => width * height * 3,
    rgba: (width, height) => width * height * 4,
    bgra: (width, height) => width * height * 4,
    i420: (width, height) =>
      width * height + 2 * (Math.floor((width + 1) / 2) * Math.floor((height + 1) / 2)),
    nv12: (width, height) =>
      width * height + 2 * (Math.floor((width + 1) / 2) * Math.floor((height + 1) / 2)),
  };
  const sizes = [
    [1, 1],
    [2, 2],
    [1, 6],
    [5, 3],
    [16, 9],
    [40, 5],
  ] as const;
  const cases = formats.flatMap((format) => sizes.map(([width, height]) => [format, width, height] as const));

  test.each(cases)("as %s of %ix%i must have exactly the bytes of the format", (...size) => {
    const [format, width, height] = size;
    const type = rawType(`format=${format}; width=${width}; height=${height}`);
    const length = bytes[format](width, height);
    const body = Array.from({ length }, (_, i) => i % 251);
    expect(read(type, body)).toMatchObject({ kind: "raw", format, width, height, data: Buffer.from(body) });
    for (const other of [0, length - 1, length + 1, 2 * length])
      expect(refusal(type, zeros(other))).toEqual({ status: 400, fault: "bad_length" });
  });

  test.each(cases)("as %s of %ix%i sent bottom-up are flipped in each plane", (...size) => {
    const [format, width, height] = size;
    const type = rawType(`format=${format}; width=${width}; height=${height}; rows=bottom-up`);
    // Each row has different bytes.
    let next = 0;
    const planes = planesOf(format, width, height).map(({ rows, stride }) =>
      Array.from({ length: rows }, () => Array.from({ length: stride }, () => next++ % 256)),
    );
    const frame = read(type, planes.flat(2));
    expect(frame?.data).toEqual(Buffer.from(planes.map((rows) => rows.toReversed()).flat(2)));
  });

  test("as bottom-up i420 of an odd size are flipped as written here", () => {
    const luma = [
      [1, 1, 1],
      [2, 2, 2],
      [3, 3, 3],
    ].flat();
    const [u, v] = [
      [41, 42, 51, 52],
      [61, 62, 71, 72],
    ];
    const frame = read(rawType("format=i420; width=3; height=3; rows=bottom-up"), [...luma, ...u, ...v]);
    expect([...(frame?.data ?? [])]).toEqual([3, 3, 3, 2, 2, 2, 1, 1, 1, 51, 52, 41, 42, 71, 72, 61, 62]);
  });

  test("are top-down by default", () => {
    const body = [1, 2, 3, 4, 5, 6];
    for (const rows of ["", "; rows=top-down", '; rows="top-down"']) {
      const frame = read(rawType(`format=rgb; width=1; height=2${rows}`), body);
      expect([...(frame?.data ?? [])]).toEqual(body);
    }
  });

  test.each(["rows=up", "rows=", "rows=Bottom-Up"])("with unknown rows (%s) are refused", (rows) => {
    const type = rawType(`format=rgb; width=1; height=1; ${rows}`);
    expect(refusal(type, zeros(3))).toEqual({ status: 400, fault: "bad_header" });
  });

  test.each(["", "format=rgb24", "format=RGB", "format=toString", "format=yuv444"])(
    "of an unknown format ('%s') are refused with a list of the known ones",
    (format) => {
      expect(refusal(rawType(`${format}; width=1; height=1`), zeros(3))).toEqual({
        status: 415,
        fault: "bad_format",
      });
      expect(() => read(rawType(format))).toThrow("send one of rgb, rgba, bgra, i420, nv12.");
    },
  );

  test.each(["0", "-1", "1.5", "1e3", "100000", "", "0x10", "NaN", "१", "1 0"])(
    "with a side of '%s' are refused",
    (side) => {
      for (const sides of [`width=${side}; height=1`, `width=1; height=${side}`, `width=1`, `height=1`]) {
        expect(refusal(rawType(`format=rgb; ${sides}`), zeros(3))).toEqual({
          status: 400,
          fault: "bad_header",
        });
      }
    },
  );

  test("are accepted up to the limit of pixels", () => {
    const at = (width: number, height: number) =>
      refusal(rawType(`format=rgb; width=${width}; height=${height}`), zeros(10 * 10 * 3), {
        maxPixels: 100,
      });
    expect(at(10, 10)).toBeUndefined();
    expect(at(101, 1)).toEqual({ status: 413, fault: "too_large" });
    expect(at(99999, 99999)).toEqual({ status: 413, fault: "too_large" });
  });

  test("with a side too long for the codecs are refused, even if the pixels are few", () => {
    for (const size of ["width=16384; height=1", "width=1; height=16384"])
      expect(refusal(rawType(`format=rgb; ${size}`), zeros(3 * 16_384))).toEqual({
        status: 413,
        fault: "too_large",
      });
    expect(refusal(rawType("format=rgb; width=16383; height=1"), zeros(3 * 16_383))).toBeUndefined();
  });
});

describe("the frame's number", () => {
  test("is the publisher's if there is one, or else the next", () => {
    expect(read({ "x-frame-number": "1042" })?.number).toBe(1042);
    expect(read({ "x-frame-number": "1" })?.number).toBe(1);
    expect(read({})?.number).toBe(context.nextNumber);
  });

  test.each(["0", "-1", "1.5", "", "one", "0x10", "1e3", "9007199254740993", "9".repeat(400)])(
    "of '%s' is refused",
    (number) => {
      expect(refusal({ "x-frame-number": number })).toEqual({ status: 400, fault: "bad_header" });
    },
  );
});

describe("the capture time", () => {
  const captured = (text: string, more: Partial<PartContext> = {}) =>
    read({ "x-captured": text }, [1], more)?.timings;

  test("is used with its fraction if the publisher is on this machine", () => {
    expect(captured("999987.625")).toEqual({ captured: 999_987.625, received: context.received });
    expect(captured("1000000")?.captured).toBe(1_000_000);
    expect(captured("990000")?.captured).toBe(990_000);
  });

  test.each([
    ["in the future", "1000000.001"],
    ["too long ago", "989999.999"],
    ["at the epoch", "0"],
    ["before the epoch", "-5"],
    ["empty", ""],
  ])("is replaced by the time of receipt if it is %s", (_, text) => {
    expect(captured(text)?.captured).toBe(context.received);
  });

  test("is replaced by the time of receipt if it is from another clock", () => {
    expect(captured("999987.625", { sameClock: false })?.captured).toBe(context.received);
  });

  test.each(["now", "12:30", "NaN", "Infinity", "1,5"])("is refused if it is no number ('%s')", (text) => {
    expect(refusal({ "x-captured": text })).toEqual({ status: 400, fault: "bad_header" });
  });
});

describe("telemetry", () => {
  const bad = { status: 400, fault: "bad_telemetry" };

  test.each(["{}", '{"angle": 31.5}', '{"joints":[1,2,{"deep":null}]}', '{"name":"Schulter \\u00fc"}'])(
    "%s is passed on unchanged",
    (text) => {
      expect(read({ "x-telemetry": text })?.telemetry).toBe(text);
    },
  );

  test("that is absent stays absent", () => {
    expect(Object.keys(read({}) ?? {})).not.toContain("telemetry");
  });

  test.each(["", "angle=1", "{", '{"a":NaN}', "{'a':1}", '{"a":1}}', "[1]", "null", "1", '"text"', "true"])(
    "that is no JSON object (%s) is refused",
    (text) => {
      expect(refusal({ "x-telemetry": text })).toEqual(bad);
    },
  );

  test("may have up to 16 KiB, counted in UTF-8", () => {
    const ofBytes = (length: number, letter = "x") => {
      const text = `{"a":"${letter.repeat((length - 8) / Buffer.byteLength(letter))}"}`;
      expect(Buffer.byteLength(text)).toBe(length);
      return { "x-telemetry": text };
    };
    expect(refusal(ofBytes(16_384))).toBeUndefined();
    expect(refusal(ofBytes(16_385))).toEqual(bad);
    expect(refusal(ofBytes(16_384, "ü"))).toBeUndefined();
    expect(refusal(ofBytes(16_386, "ü"))).toEqual(bad);
    expect(refusal(ofBytes(16_388, "🎬"))).toEqual(bad);
  });

  test("may be nested as deeply as its size allows", () => {
    const text = `{"a":${"[".repeat(8000)}${"]".repeat(8000)}}`;
    expect(read({ "x-telemetry": text })?.telemetry).toBe(text);
  });

  test("with a carriage return is refused, because that would end the line of an event", () => {
    expect(refusal({ "x-telemetry": '{\r"a":1}' })).toEqual(bad);
  });
});

describe("a media type", () => {
  test.each([
    ["image/jpeg", "image/jpeg", {}],
    [" Image/JPEG ", "image/jpeg", {}],
    ["a/b;c=d", "a/b", { c: "d" }],
    ["a/b ; C = D ; e=f", "a/b", { c: "D", e: "f" }],
    ['a/b; boundary="x y"', "a/b", { boundary: "x y" }],
    ["a/b; c=d=e", "a/b", { c: "d=e" }],
    ["a/b; c", "a/b", { c: "" }],
    ["a/b;;", "a/b", { "": "" }],
    ["", "", {}],
  ])("'%s' is split into its parts", (text, type, parameters) => {
    const read = mediaType(text);
    expect({ type: read.type, parameters: Object.fromEntries(read.parameters) }).toEqual({
      type,
      parameters,
    });
  });
});
