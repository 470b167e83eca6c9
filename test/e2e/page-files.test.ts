/** The files of the pages, as browsers load them: compressed before, and kept where the name has a hash. */
import { once } from "node:events";
import { get, type IncomingHttpHeaders } from "node:http";
import { buffer } from "node:stream/consumers";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ServerProcess, startServer } from "./helpers/server.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServer("--host", "127.0.0.1");
});
afterAll(() => server?.stop());

async function load(path: string, accepted?: string) {
  const headers = accepted === undefined ? {} : { "Accept-Encoding": accepted };
  const [response] = await once(get(`${server.url}${path}`, { headers }), "response");
  return {
    status: response.statusCode as number,
    headers: response.headers as IncomingHttpHeaders,
    body: await buffer(response),
  };
}

/** A script of the player's page. */
async function script(): Promise<string> {
  const { body } = await load("/");
  const [, path = ""] = /src="(\/assets\/[^"]+\.js)"/.exec(String(body)) ?? [];
  return path;
}

test.each([
  ["/", "text/html"],
  ["/lab", "text/html"],
  ["/watch/main", "text/html"],
  ["/player.js", "text/javascript"],
])("%s comes in the form that the browser takes", async (path, type) => {
  const plain = await load(path);
  expect(plain.headers["content-encoding"]).toBeUndefined();
  for (const [accepted, encoding, decompress] of [
    ["gzip, deflate, br", "br", brotliDecompressSync],
    ["gzip", "gzip", gunzipSync],
    ["br;q=0, gzip;q=0.5", "gzip", gunzipSync],
  ] as const) {
    const { status, headers, body } = await load(path, accepted);
    expect([status, headers["content-encoding"], headers.vary]).toEqual([200, encoding, "Accept-Encoding"]);
    expect(headers["content-type"]).toContain(type);
    expect(headers["cache-control"]).toBe("public, max-age=0");
    expect(decompress(body)).toEqual(plain.body);
    expect(body.length).toBeLessThan(plain.body.length);
  }
});

test("a file with a hash in its name is cached for a year without revalidation", async () => {
  const path = await script();
  for (const accepted of ["br", "gzip", undefined]) {
    const { status, headers } = await load(path, accepted);
    expect([status, headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
    expect(headers["content-type"]).toContain("text/javascript");
  }
});

test("a missing page is not cached and not labelled as compressed", async () => {
  const { status, headers, body } = await load("/assets/none-12345678.js", "br");
  expect([status, headers["content-encoding"]]).toEqual([404, undefined]);
  expect(headers["cache-control"] ?? "").not.toContain("immutable");
  expect(String(body)).toContain("There is nothing at this address.");
  expect((await load("/assets/..%2f..%2fserver%2fmain.js")).status).toBe(404);
});
