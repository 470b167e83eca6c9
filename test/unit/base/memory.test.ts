import { describe, expect, test } from "vitest";
import { releaseMemory } from "../../../src/base/memory.ts";

describe("releaseMemory", () => {
  test("frees memory at once: the buffer is empty afterwards", () => {
    const bytes = Buffer.from(new Uint8Array([1, 2, 3]).buffer);
    releaseMemory(bytes);
    expect(bytes).toHaveLength(0);
    releaseMemory(bytes);
  });

  test("does not free memory that others share", () => {
    const whole = new Uint8Array([1, 2, 3, 4]);
    releaseMemory(whole.subarray(1));
    releaseMemory(Buffer.from("in Node's pool"));
    releaseMemory(new Uint8Array(new SharedArrayBuffer(4)));
    expect(whole).toEqual(new Uint8Array([1, 2, 3, 4]));
    expect(Buffer.from("as before").toString()).toBe("as before");
  });
});
