import { describe, expect, test } from "vitest";
import { embedRefusal, mayEmbed } from "../../../src/access/origins.ts";

describe("mayEmbed", () => {
  test.each<[string, string | undefined, string | undefined]>([
    ["a program, which sends no origin", undefined, "studio.lan:8080"],
    ["the server's own page", "http://studio.lan:8080", "studio.lan:8080"],
    ["another port of the server's host", "http://studio.lan:3000", "studio.lan:8080"],
    ["the visitor's own machine", "http://localhost:5173", "studio.lan:8080"],
    ["the visitor's own machine by address", "http://127.0.0.1:5173", "studio.lan:8080"],
    ["an address of version 6", "http://[fd00::7]:3000", "[fd00::7]:8080"],
  ])("lets in %s", (_, origin, host) => {
    expect(mayEmbed(origin, host, [])).toBe(true);
  });

  test.each<[string, string, string | undefined]>([
    ["a page of another site", "https://evil.example", "studio.lan:8080"],
    ["a host that only ends like it", "http://notstudio.lan", "studio.lan:8080"],
    ["a host that looks like the visitor's machine", "http://localhost.evil.example", "studio.lan:8080"],
    ["a page without an origin, as in a sandbox", "null", "studio.lan:8080"],
    ["a request without a Host", "https://evil.example", undefined],
    ["an invalid origin", "evil", "evil"],
  ])("keeps out %s", (_, origin, host) => {
    expect(mayEmbed(origin, host, [])).toBe(false);
    expect(mayEmbed(origin, host, ["https://studio.example"])).toBe(false);
    expect(mayEmbed(origin, host, ["*"])).toBe(true);
  });

  test("lets in configured origins only if scheme, host and port match", () => {
    expect(mayEmbed("https://a.example", "b.lan", ["https://b.example", "https://a.example"])).toBe(true);
    expect(mayEmbed("https://a.example:444", "b.lan", ["https://a.example"])).toBe(false);
    expect(mayEmbed("http://a.example", "b.lan", ["https://a.example"])).toBe(false);
  });

  test("names the option that would allow the origin", () => {
    expect(embedRefusal("https://a.example")).toMatch(/--embed-from https:\/\/a\.example\.$/);
  });
});
