import { describe, expect, test } from "vitest";
import { TelemetryError, telemetryIn, telemetryOf } from "../../../src/source/telemetry.ts";
import { mutated, randomFrom } from "../../helpers/fuzz.ts";

/** The refusal of the text. */
function refusal(data: string | Uint8Array): { kind: string; message: string } | undefined {
  try {
    if (typeof data === "string") telemetryOf(data, "The data");
    else telemetryIn(data, "The data");
    return undefined;
  } catch (error) {
    if (!(error instanceof TelemetryError)) throw error;
    return { kind: error.kind, message: error.message };
  }
}

describe("data as text", () => {
  test("is kept as it is, but on one line", () => {
    expect(telemetryOf('{"big": 12345678901234567890, "name": "é"}', "It")).toBe(
      '{"big": 12345678901234567890, "name": "é"}',
    );
    expect(telemetryOf('{\r\n  "angle": 31.5\n}', "It")).toBe('{   "angle": 31.5 }');
  });

  test.each([
    ["nothing", "", "is not valid JSON: send an object"],
    ["half an object", '{"angle": 31', "is not valid JSON: send an object"],
    ["NaN", '{"angle": NaN}', "has no NaN and no Infinity: send null instead"],
    ["Infinity", '{"angle": -Infinity}', "has no NaN and no Infinity: send null instead"],
    ["an array", "[1]", "must be a JSON object"],
    ["a number", "31.5", "must be a JSON object"],
    ["null", "null", "must be a JSON object"],
    ["a line break in a string", '{"name": "a\nb"}', "is not valid JSON"],
  ])("is refused with what to do: %s", (_, text, says) => {
    expect(refusal(text)).toEqual({ kind: "invalid", message: expect.stringContaining(says) });
  });

  test("takes at most 16 KiB of UTF-8", () => {
    const of = (bytes: number) => `{"é":"${"x".repeat(bytes - 9)}"}`;
    expect(Buffer.byteLength(of(16_384))).toBe(16_384);
    expect(refusal(of(16_384))).toBeUndefined();
    const message =
      "The data has 16385 bytes. The telemetry of a frame takes at most 16384 bytes: send less.";
    expect(refusal(of(16_385))).toEqual({ kind: "too-large", message });
  });
});

describe("data as bytes", () => {
  test("may have a byte order mark, and must be UTF-8", () => {
    expect(telemetryIn(Buffer.from('\ufeff{"a": 1}'), "It")).toBe('{"a": 1}');
    expect(refusal(Buffer.from('{"a": "é"}', "latin1"))?.message).toContain("is not UTF-8");
    expect(refusal(Buffer.from('{"a": 1}', "utf16le"))?.message).toContain("is not valid JSON");
  });

  test("changed at random is either one line with an object, or refused", () => {
    const random = randomFrom(7);
    const scraps = ["NaN", "[[[[", '"', "\\u0000", "\r\n", "}", "{", "\u00ff"].map((scrap) =>
      Buffer.from(scrap, "latin1"),
    );
    const data = Buffer.from(
      '{"shoulder": {"value": 31.5, "unit": "°"},\n "gripper": "open", "joints": [1, 2.5e3, -0]}',
    );
    let taken = 0;
    for (let round = 0; round < 3000; round++) {
      const bytes = round % 10 === 0 ? data : mutated(data, random, scraps);
      if (refusal(bytes)) continue;
      taken++;
      const text = telemetryIn(bytes, "It");
      expect(text).not.toMatch(/[\r\n]/);
      expect(JSON.parse(text)).toBeTypeOf("object");
    }
    expect(taken).toBeGreaterThan(250);
  });
});
