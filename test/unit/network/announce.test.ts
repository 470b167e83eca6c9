import { describe, expect, test } from "vitest";
import { readAnnouncement, resolveAnnounced } from "../../../src/network/announce.ts";

describe("an announced address", () => {
  test.each([
    ["203.0.113.7", "203.0.113.7", undefined],
    ["203.0.113.7:9000", "203.0.113.7", 9000],
    ["2001:db8::7", "2001:db8::7", undefined],
    ["[2001:db8::7]", "2001:db8::7", undefined],
    ["[2001:db8::7]:9000", "2001:db8::7", 9000],
    ["studio.example", "studio.example", undefined],
    ["studio.example:9000", "studio.example", 9000],
  ])("is read from %s", (text, host, port) => {
    expect(readAnnouncement(text)).toEqual({ host, port });
  });

  test.each([
    "",
    "203.0.113",
    "203.0.113.700",
    "203.0.113.7:0",
    "203.0.113.7:65536",
    "203.0.113.7:",
    "[studio.example]:9000",
    "http://studio.example",
    "a name",
    "-x.example",
  ])("is not read from '%s'", (text) => {
    expect(readAnnouncement(text)).toBeUndefined();
  });

  const dns: Record<string, string[]> = { "studio.example": ["203.0.113.7", "2001:db8::7"] };
  const resolve = async (name: string) => dns[name] ?? Promise.reject(new Error("ENOTFOUND"));

  test("that is a name resolves to all of its addresses", async () => {
    const announced = [
      { host: "198.51.100.1", port: undefined },
      { host: "studio.example", port: 9000 },
    ];
    expect(await resolveAnnounced(announced, resolve)).toEqual([
      { ip: "198.51.100.1", port: undefined },
      { ip: "203.0.113.7", port: 9000 },
      { ip: "2001:db8::7", port: 9000 },
    ]);
  });

  test("that the DNS does not know is refused with a message", async () => {
    await expect(resolveAnnounced([{ host: "no.example", port: 1 }], resolve)).rejects.toThrow(
      "The DNS has no address for no.example: give --announce an IP address, or correct the name.",
    );
  });
});
