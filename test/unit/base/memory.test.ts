import { describe, expect, test } from "vitest";
import { releaseMemory } from "../../../src/base/memory.ts";

describe("memory given back", () => {
  test("is gone at once, for whoever still looks", () => {
    const bytes = Buffer.from(new Uint8Array([1, 2, 3]).buffer);
    releaseMemory(bytes);
    expect(bytes).toHaveLength(0);
    releaseMemory(bytes);
  });

  test("is not what others share", () => {
    const whole = new Uint8Array([1, 2, 3, 4]);
    releaseMemory(whole.subarray(1));
    releaseMemory(Buffer.from("in Node's pool"));
    releaseMemory(new Uint8Array(new SharedArrayBuffer(4)));
    expect(whole).toEqual(new Uint8Array([1, 2, 3, 4]));
    expect(Buffer.from("as before").toString()).toBe("as before");
  });
});
