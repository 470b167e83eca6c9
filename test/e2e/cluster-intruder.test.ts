import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { newCertificate, writeCertificate } from "../helpers/certificate.ts";
import { image } from "../helpers/multipart-writer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { describeWith } from "../setup/suites.ts";
import { joinFalseServer } from "./helpers/false-server.ts";
import { freePort } from "./helpers/free-port.ts";
import { startNginx } from "./helpers/nginx.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { chunked, type RawTarget, sendRaw, statusOf } from "./helpers/raw-http.ts";
import { redisAddress, startRedis } from "./helpers/redis.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const TOKENS = { publish: "a-token-to-publish", operate: "a-token-to-operate" } as const;

/** Makes the server with the stream publish a picture, if it reads the text as a request of its own. */
function publishing(picture: Buffer): string {
  const body = image(picture).toString("latin1");
  return [
    "POST /streams/stolen HTTP/1.1",
    "Host: localhost",
    "Content-Type: multipart/x-mixed-replace; boundary=frame",
    "Transfer-Encoding: chunked",
    "",
    `${body.length.toString(16)}\r\n${body}\r\n`,
  ].join("\r\n");
}

/** Of an attacker at another machine: the server believes what stands here for a proxy on its own. */
const HEAD = ["Host: localhost", "Connection: close", "X-Forwarded-For: 198.51.100.9"];

describeWith(["redis", "nginx"], "an attacker at one of two servers that Redis joins", ({ redis, nginx }) => {
  let store: { readonly process: ChildProcess; readonly address: string };
  let proxy: ChildProcess;
  let folder: string;
  let publisher: TestPublisher;
  let hidden: string;
  /** It has the stream `film`. */
  let owner: ServerProcess;
  /** Clients ask it, by itself and through nginx. */
  let front: ServerProcess;
  const doors: Record<"direct" | "nginx", RawTarget> = { direct: { port: 0 }, nginx: { port: 0 } };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-cluster-"));
    writeCertificate(folder, await newCertificate());
    const port = await freePort();
    store = { process: startRedis(redis, port), address: redisAddress(port) };
    const tokens = ["--operate-token", TOKENS.operate];
    const common = ["--redis", store.address, "--host", "127.0.0.1", ...tokens];
    [owner, front] = await Promise.all([
      startServer(...common),
      startServer(...common, "--trust-proxy", "127.0.0.1"),
    ]);
    doors.direct = { port: front.port };
    doors.nginx = { port: await freePort(), secure: true };
    proxy = startNginx(nginx, folder, doors.nginx.port, front.port);
    publisher = new TestPublisher(`${owner.url}/streams/film`);
    const picture = await gradientJpeg(480, 270);
    publisher.play(image(picture));
    hidden = publishing(picture);
    const knows = async () => expect((await front.info("film"))?.state?.kind).toBe("live");
    await vi.waitFor(knows, { timeout: 15_000 });
    await vi.waitFor(async () => expect(statusOf(await get("nginx", "/healthz"))).toBe(200), {
      timeout: 10_000,
    });
  });
  afterAll(async () => {
    publisher?.destroy();
    proxy?.kill();
    await Promise.all([owner?.stop(), front?.stop()]);
    store?.process.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  const get = (by: keyof typeof doors, path: string, ...headers: string[]) =>
    sendRaw(doors[by], `GET ${path} HTTP/1.1`, ...HEAD, ...headers, "", "");
  const isFilm = async (by: keyof typeof doors) => {
    const answer = await get(by, "/streams/film");
    expect([statusOf(answer), /"name":"(\w+)"/.exec(answer)?.[1]]).toEqual([200, "film"]);
  };

  describe.each(["direct", "nginx"] as const)("%s", (by) => {
    test("publishes nothing with a body that the other server might read as a request", async () => {
      for (const method of ["GET", "HEAD", "DELETE", "OPTIONS", "PUT", "POST", "PATCH"]) {
        for (const path of ["/streams/film", "/streams/film/snapshot.jpg", "/streams/film/whep"]) {
          const head = [`${method} ${path} HTTP/1.1`, ...HEAD];
          await sendRaw(doors[by], ...head, "Transfer-Encoding: chunked", "", chunked(hidden));
          const length = `Content-Length: ${hidden.length}`;
          await sendRaw(doors[by], ...head, length, "", hidden);
        }
      }
      await isFilm(by);
      expect((await fetch(`${owner.url}/streams/stolen`)).status).toBe(404);
    });

    test("cannot choose another client's answer", async () => {
      const chosen = "GET /streams/main/snapshot.jpg HTTP/1.1\r\nHost: localhost\r\n\r\n";
      for (let n = 0; n < 10; n++) {
        const head = ["GET /streams/film HTTP/1.1", ...HEAD];
        await sendRaw(doors[by], ...head, "Transfer-Encoding: chunked", "", chunked(chosen));
        await Promise.all([isFilm(by), isFilm(by)]);
      }
    });

    test("gets an answer to each malformed request, and only from the stream's paths", async () => {
      const operator = `Authorization: Bearer ${TOKENS.operate}`;
      for (const path of [
        "/streams/film/../../metrics",
        "/streams/film/%2e%2e/%2e%2e/metrics",
        "/streams/film/%2E./.%2e/metrics",
        "/streams/film/./../../metrics",
        "/streams/film/..%2f..%2fmetrics",
        "/streams/film/..%5c..%5cmetrics",
        "/streams/film//../..//metrics",
        "/streams/film/mjpeg/../../../metrics",
        "/streams/%2e%2e/metrics",
        "/streams/film%2f..%2f..%2fmetrics",
        "//streams/film/../../metrics",
      ]) {
        const answer = await get(by, path, operator);
        // nginx leaves the path as it came, and refuses what leads out of the root itself.
        expect([400, 404], `${path}: ${answer}`).toContain(statusOf(answer));
        expect(answer).not.toContain("rendercast_");
      }
      for (const headers of [
        ["Trailer: Expires"],
        ["TE: trailers", "Trailer: Content-Length"],
        ["Connection: Host, X-Forwarded-For, Authorization"],
        ["Expect: 100-continue", "Content-Length: 0"],
        ["Keep-Alive: timeout=1000", "Proxy-Connection: keep-alive"],
        ["X-HTTP-Method-Override: POST"],
      ]) {
        const answer = await get(by, "/streams/film", ...headers);
        expect(answer, headers.join()).toMatch(/HTTP\/1\.1 200 OK\r\n[\s\S]*"name":"film"/);
      }
      const both = ["Content-Length: 4", "Transfer-Encoding: chunked", "", chunked(hidden)];
      const head = ["GET /streams/film HTTP/1.1", ...HEAD];
      expect(statusOf(await sendRaw(doors[by], ...head, ...both))).toBe(400);
      await isFilm(by);
    });
  });

  test("cannot upgrade a connection or name another server in the request line", async () => {
    const upgrade = [
      "Host: localhost",
      "Connection: Upgrade, HTTP2-Settings",
      "Upgrade: h2c",
      "HTTP2-Settings: A",
    ];
    expect(await sendRaw(doors.direct, "GET /streams/film HTTP/1.1", ...upgrade, "", hidden)).toBe("");
    const named = await get("direct", `http://127.0.0.1:${owner.port}/metrics`);
    expect(statusOf(named)).toBe(401);
    const film = await get("direct", `http://evil.example/streams/film/../film`);
    expect(statusOf(film)).toBe(404);
    expect((await fetch(`${owner.url}/streams/stolen`)).status).toBe(404);
  });

  test("counts under its own address at the server with the stream, which trusts only joined servers", async () => {
    const operator = { headers: { Authorization: `Bearer ${TOKENS.operate}` } };
    const addresses = async () => {
      const all = await (await fetch(`${owner.url}/streams/film/viewers`, operator)).json();
      return (all as { address: string }[]).map(({ address }) => address);
    };
    const watching = new AbortController();
    const headers = { "X-Forwarded-For": "198.51.100.9" };
    const path = `http://127.0.0.1:${front.port}/streams/film/mjpeg`;
    await fetch(path, { headers, signal: watching.signal });
    expect(await addresses()).toEqual(["198.51.100.x"]);
    watching.abort();
    for (const { port } of [owner, front]) {
      for (const proof of ["1", "e30.e30.", "eyJhbGciOiJub25lIn0.eyJwcm90byI6Imh0dHAifQ."]) {
        const head = ["GET /streams/film HTTP/1.1", ...HEAD, `Rendercast-Passed-On: ${proof}`];
        expect(statusOf(await sendRaw({ port }, ...head, "", ""))).toBe(421);
      }
    }
  });

  test("reaches the other server only with the headers that a stream needs", async () => {
    const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
    const peer = await joinFalseServer(store.address, "bait", {
      bait: `${ok}\r\n{}`,
      whep: `${ok}\r\n{}`,
      cookies: `${ok}Set-Cookie: a=b\r\nClear-Site-Data: "*"\r\nLocation: https://evil.example\r\nETag: x\r\nConnection: etag\r\n\r\n{}`,
      page: `${ok}Content-Type: text/html\r\n\r\nhi`,
      two: `${ok}\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond`,
      early: `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${ok}\r\n{}`,
      switch: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      low: "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
      high: "HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n",
      not: "HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n",
      long: `HTTP/1.1 200 OK\r\nETag: ${"x".repeat(100_000)}\r\n\r\n`,
      nonsense: "220 mail.example ESMTP\r\n",
      none: "",
    });
    try {
      const knows = async () => expect(statusOf(await get("direct", "/streams/bait"))).toBe(200);
      await vi.waitFor(knows, { timeout: 10_000 });
      for (const path of ["low", "high", "switch", "not", "long", "nonsense", "none"])
        expect(statusOf(await get("direct", `/streams/bait/${path}`)), path).toBe(502);
      const cookies = await get("direct", "/streams/bait/cookies");
      expect(cookies).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(cookies).not.toMatch(/set-cookie|clear-site-data|evil|etag/i);
      expect(await get("direct", "/streams/bait/page")).toMatch(/\r\ncontent-security-policy: sandbox\r\n/i);
      for (const path of ["two", "early"])
        expect(await get("direct", `/streams/bait/${path}`)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*\r\n\r\n\{\}$/);

      peer.requests.length = 0;
      const many = [
        "Cookie: a=b",
        "X-Real-IP: 127.0.0.1",
        "Forwarded: for=127.0.0.1",
        "Accept: */*",
        "TE: trailers",
      ];
      const named = "Connection: close, accept, origin";
      const head = ["GET /streams/bait HTTP/1.1", ...HEAD, named, "Origin: http://localhost", ...many];
      await sendRaw(doors.direct, ...head, `Content-Length: ${hidden.length}`, "", hidden);
      const offer = ["POST /streams/bait/whep?a=%0d%0ab HTTP/1.1", ...HEAD, "Content-Type: application/sdp"];
      await sendRaw(doors.direct, ...offer, "Transfer-Encoding: chunked", "", chunked("v=0"));
      const signed = /\r\nrendercast-passed-on: [\w.-]+\r\n/;
      const [asked = "", posted = ""] = peer.requests.map((request) =>
        request.replace(signed, "\r\nSIGNED\r\n"),
      );
      expect(asked.split("\r\n")).toEqual([
        "GET /streams/bait HTTP/1.1",
        "host: localhost",
        "SIGNED",
        "Connection: close",
        "",
        "",
      ]);
      expect(posted.split("\r\n")).toEqual([
        ...["POST /streams/bait/whep?a=%0D%0Ab HTTP/1.1", "host: localhost", "content-type: application/sdp"],
        ...["SIGNED", "content-length: 3", "Connection: close", "", "v=0"],
      ]);
    } finally {
      await peer.stop();
    }
    await isFilm("direct");
  });
});
