import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { CLOSING, IDLE, image, part, raw } from "../helpers/multipart-writer.ts";
import { gradientJpeg, type Rgb, stripes, stripesFile } from "../helpers/pictures.ts";
import { describeInBrowsers } from "../setup/browsers.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type Answer, TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { connectionsOf, keepPeerConnections, noticesNothing, showsColour } from "./helpers/undisturbed.ts";

const TOKEN = "correct-horse-battery";
const SENTENCE = /^[A-Z0-9][^\n]*\.\n$/;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function publisherTo(...to: ConstructorParameters<typeof TestPublisher>): TestPublisher {
  const publisher = new TestPublisher(...to);
  ends.push(() => publisher.destroy());
  return publisher;
}

/** Waits until it holds, on a slow machine as well. */
const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 20_000 });

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

function picture(colour: Rgb, width = 64, height = 48): Buffer {
  return raw("rgb", width, height, stripes("rgb", width, height, [colour]));
}

function expectSentence({ status, text, headers }: Answer, expected: number): void {
  expect({ status, text }).toEqual({ status: expected, text: expect.stringMatching(SENTENCE) });
  expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
}

/** An address of this machine that is not the loopback. */
function ownAddress(): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address;
}

describe("a server with a token, which trusts this machine,", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer("--publish-token", TOKEN, "--trust-this-machine", "on", "--max-streams", "3");
  });
  afterAll(() => server?.stop());

  const at = (name: string) => `${server.url}/streams/${name}`;
  const stateIs = (name: string, state: object) =>
    eventually(async () => expect((await server.info(name)).state).toMatchObject(state));

  test("takes a publisher on this machine, and answers when it has ended", async () => {
    const publisher = publisherTo(at("main"));
    publisher.play(picture([255, 0, 0]));
    await stateIs("main", { kind: "live" });
    expect(await publisher.end(CLOSING)).toMatchObject({ status: 204, text: "" });
    await stateIs("main", { kind: "ended" });
  });

  test("shows a single picture that curl sends in one piece, without its length", async () => {
    const jpeg = await gradientJpeg(160, 120);
    const publisher = publisherTo(at("main"), { "Content-Type": "application/octet-stream" });
    const body = [Buffer.from("--p\r\n\r\n"), jpeg, Buffer.from("\r\n--p--\r\n")];
    expect(await publisher.end(Buffer.concat(body))).toMatchObject({ status: 204 });
    const snapshot = await fetch(`${at("main")}/snapshot.jpg`);
    expect(snapshot.status).toBe(200);
    expect(jpeg.equals(Buffer.from(await snapshot.arrayBuffer()))).toBe(true);
  });

  test("refuses a second publisher, and lets it take over only with the token", async () => {
    const first = publisherTo(at("main"));
    first.play(picture([255, 0, 0]));
    await stateIs("main", { kind: "live" });
    const { run } = (await server.info()).state as unknown as { run: number };
    const takeover = `${at("main")}?takeover`;
    expectSentence(await publisherTo(at("main")).answer, 409);
    expectSentence(await publisherTo(takeover).answer, 409);
    expectSentence(await publisherTo(takeover, { Authorization: "Basic dXNlcjpwYXNz" }).answer, 403);
    expectSentence(await publisherTo(takeover, bearer("another secret")).answer, 403);
    expect(first.answered).toBe(false);

    publisherTo(takeover, bearer(TOKEN)).play(picture([0, 0, 255]));
    expectSentence(await first.answer, 409);
    await stateIs("main", { kind: "live", run: run + 1 });
  });

  test("creates streams up to its limit, and tells the next publisher about the limit", async () => {
    for (const name of ["one", "two"]) await publisherTo(at(name)).send(IDLE);
    for (const name of ["one", "two"]) await stateIs(name, { kind: "waiting" });
    const full = await publisherTo(at("three")).answer;
    expectSentence(full, 503);
    expect(full.headers["retry-after"]).toBe("5");
    expectSentence(await publisherTo(at("no%20name")).answer, 404);
    const names = (await (await fetch(`${server.url}/streams`)).json()).map(
      ({ name }: { name: string }) => name,
    );
    expect(names).toEqual(["main", "one", "two"]);
  });

  const address = ownAddress();
  describe.skipIf(address === undefined)("from an address of the network", () => {
    const elsewhere = (query = "") => `http://${address}:${server.port}/streams/main${query}`;

    test("accepts a publisher with the token, and none without", async () => {
      const refused = await publisherTo(elsewhere()).answer;
      expectSentence(refused, 401);
      expect(refused.headers["www-authenticate"]).toBe("Bearer");
      expectSentence(await publisherTo(elsewhere(), bearer("another secret")).answer, 403);
      const publisher = publisherTo(elsewhere(), bearer(TOKEN));
      await publisher.send(picture([255, 0, 0]));
      expect(await publisher.end(CLOSING)).toMatchObject({ status: 204 });
      await stateIs("main", { kind: "ended" });
    });

    test("refuses a client that disconnected before its address could be read", async () => {
      const taken = async () =>
        /rendercast_source_pictures_total\{stream="main",outcome="taken"\} (\d+)/.exec(
          await (await fetch(`${server.url}/metrics`)).text(),
        )?.[1];
      const before = await taken();
      const body = picture([1, 2, 3]);
      server.process.kill("SIGSTOP");
      try {
        const sneak = connect(server.port, address);
        await once(sneak, "connect");
        const head =
          "POST /streams/main HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n";
        await new Promise((resolve) =>
          sneak.write(
            Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length + 10}\r\n\r\n`), body]),
            resolve,
          ),
        );
        sneak.resetAndDestroy();
        await once(sneak, "close");
      } finally {
        server.process.kill("SIGCONT");
      }
      // Connections are read in the order in which they were opened.
      const honest = publisherTo(at("main"));
      await honest.send(picture([255, 255, 255]));
      expect(await honest.end(CLOSING)).toMatchObject({ status: 204 });
      expect(await taken()).toBe(String(Number(before) + 1));
    });
  });

  test("refuses a publisher that comes from a web page or a proxy", async () => {
    for (const header of [
      { Origin: "http://localhost" },
      { "X-Forwarded-For": "127.0.0.1" },
      { Via: "1.1 x" },
      { "X-Real-IP": "127.0.0.1" },
      { Host: "example.com" },
    ])
      expectSentence(await publisherTo(at("main"), header as Record<string, string>).answer, 401);
  });

  test("answers a client that keeps sending and ignores the answer, and closes the connection", async () => {
    const body = Buffer.alloc(1_000_000);
    for (const [name, headers] of [
      ["main", {}],
      ["main", { "Content-Type": "image/jpeg" }],
      ["main", bearer("another secret")],
    ] as const) {
      const blind = publisherTo(at(name), headers);
      blind.play(body);
      const answer = await blind.answer;
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.text).toMatch(SENTENCE);
      await blind.closed;
    }
  });
});

describe("every refusal", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server?.stop());

  test.each<[string, string, number]>([
    ["GET", "/streams/none", 404],
    ["GET", "/streams/none/mjpeg", 404],
    ["GET", "/streams/none/snapshot.jpg", 404],
    ["GET", "/streams/none/events", 404],
    ["GET", "/streams/none/telemetry", 404],
    ["GET", "/streams/%E0%A4%A", 400],
    ["GET", "/nothing/here", 404],
    ["GET", "/watch/%E0%A4%A", 400],
    ["GET", "/..%2f..%2fetc/passwd", 404],
    ["POST", "/streams/%E0%A4%A", 400],
    ["POST", "/streams/-", 404],
    ["POST", "/streams/main/mjpeg", 404],
    ["POST", "/", 404],
    ["PUT", "/streams/main", 404],
    ["DELETE", "/streams/main", 404],
  ])("of %s %s is one sentence, without inner details", async (method, path, status) => {
    for (const body of method === "GET" ? [undefined] : [undefined, "x".repeat(100)]) {
      const headers = { "Content-Type": "application/octet-stream" };
      const response = await fetch(`${server.url}${path}`, { method, headers, body: body ?? null });
      const text = await response.text();
      expect({ status: response.status, text }).toEqual({ status, text: expect.stringMatching(SENTENCE) });
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(text).not.toMatch(/node_modules|Error|at .*:\d+/);
    }
  });

  test("also covers a publisher to a folder's stream", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
    ends.push(() => rmSync(folder, { recursive: true }));
    const folderServer = await startServer("--folder", folder);
    ends.push(() => folderServer.stop());
    expectSentence(await publisherTo(`${folderServer.url}/streams/main`).answer, 409);
  });
});

describe("a Unix socket", () => {
  test("accepts publishers, belongs to this user only, replaces a stale socket, and is removed with the server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "rendercast-test-"));
    ends.push(() => rmSync(folder, { recursive: true }));
    const socketPath = join(folder, "ingest.sock");
    const killed = await startServer("--ingest-socket", socketPath);
    killed.process.kill("SIGKILL");
    await once(killed.process, "exit");
    expect(existsSync(socketPath)).toBe(true);

    const server = await startServer("--ingest-socket", socketPath);
    ends.push(() => server.stop());
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    const publisher = publisherTo({ socketPath, path: "/streams/main" });
    publisher.play(part({ "Content-Type": "image/png" }, await stripesFile("png", 31, 21, [[255, 0, 0]])));
    await eventually(async () => {
      await fetch(`${server.url}/streams/main/snapshot.jpg`);
      expect(await server.info()).toMatchObject({
        source: "publisher on this machine",
        state: { kind: "live" },
        width: 31,
      });
    });
    expect(await publisher.end(CLOSING)).toMatchObject({ status: 204 });
    await server.stop();
    expect(existsSync(socketPath)).toBe(false);
  });
});

describe("server-sent events", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server?.stop());

  /** The events as they come; `next` resolves with the first from now on that fits. */
  async function listen(path: string) {
    const request = get(`${server.url}${path}`);
    ends.push(() => request.destroy());
    const [response] = await once(request, "response");
    response.setEncoding("utf8").on("error", () => {});
    const received: { name: string; data: Record<string, unknown> }[] = [];
    let text = "";
    response.on("data", (chunk: string) => {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, name = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        received.push({ name, data: JSON.parse(data) });
      }
    });
    return { received, type: response.headers["content-type"] };
  }
  const has = (events: { received: object[] }, event: object) =>
    eventually(() => expect(events.received).toContainEqual(event));

  test("telemetry comes with each frame, watched or not, and a late client gets the last one", async () => {
    const publisher = publisherTo(`${server.url}/streams/main`);
    const early = await listen("/streams/main/telemetry");
    expect(early.type).toBe("text/event-stream");
    const withTelemetry = (number: number, json: string) =>
      publisher.send(image("no picture", { "X-Frame-Number": String(number), "X-Telemetry": json }));
    await withTelemetry(7, '{"angle": 31.5}');
    await withTelemetry(8, '{"angle": 32, "name": "Schulter \\u00fc \\n"}');
    await publisher.send(image("no picture"));
    const second = { number: 8, data: { angle: 32, name: "Schulter ü \n" }, captured: expect.any(Number) };
    await has(early, { name: "telemetry", data: second });
    expect(early.received[0]?.data).toMatchObject({ number: 7, data: { angle: 31.5 } });
    const late = await listen("/streams/main/telemetry");
    await has(late, { name: "telemetry", data: second });
    expect(late.received).toHaveLength(1);
    expect(early.received).toHaveLength(2);
  });

  test("the description comes at once, at each change, and each second", async () => {
    const publisher = publisherTo(`${server.url}/streams/film`);
    await publisher.send(IDLE);
    await eventually(async () => expect((await fetch(`${server.url}/streams/film`)).status).toBe(200));
    const events = await listen("/streams/film/events");
    await eventually(() => expect(events.received.length).toBeGreaterThan(2));
    expect(events.received[0]).toMatchObject({
      name: "stream",
      data: { name: "film", state: { kind: "waiting" } },
    });
    await publisher.send(picture([1, 2, 3]));
    await has(events, {
      name: "stream",
      data: expect.objectContaining({ viewers: 0, state: expect.objectContaining({ kind: "live", run: 1 }) }),
    });
    publisher.destroy();
    await has(events, {
      name: "stream",
      data: expect.objectContaining({ state: expect.objectContaining({ kind: "crashed" }) }),
    });
  });
});

/** A PNG of so many pixels that it would take gigabytes, in a few kilobytes. */
function imageBomb(side: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.alloc(side * 300))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

describeInBrowsers("while a viewer watches", ({ name, launch }) => {
  let browser: Browser;
  let server: ServerProcess;
  let page: Page;

  beforeAll(async () => {
    server = await startServer("--max-frame-mb", "4", "--stall-after", "1");
    browser = await launch();
    page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  // What a publisher does to others is no matter of the browser.
  describe.runIf(name === "Chromium")("the built-in scene", () => {
    const other = () => `${server.url}/streams/other`;
    const metric = async (outcome: string) => {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const found = new RegExp(`source_pictures_total\\{stream="other",outcome="${outcome}"\\} (\\d+)`).exec(
        text,
      );
      return Number(found?.[1] ?? 0);
    };

    test.each<[string, () => Buffer, number, string]>([
      ["no boundary", () => Buffer.from("\xff\xd8 a JPEG\n", "latin1"), 400, "malformed"],
      ["a header that is none", () => Buffer.from("--frame\r\nnonsense\r\n\r\n"), 400, "malformed"],
      [
        "a length that lies",
        () => Buffer.concat([image("JPEG", { "Content-Length": "2" }), IDLE]),
        400,
        "malformed",
      ],
      ["a part longer than allowed", () => image("", { "Content-Length": "5000000" }), 413, "too_large"],
      [
        "a part longer than allowed that tells no length",
        () => Buffer.concat([Buffer.from("--frame\r\n\r\n"), Buffer.alloc(5_000_000)]),
        413,
        "too_large",
      ],
      ["too many pixels", () => raw("rgb", 10_000, 10_000, Buffer.alloc(9)), 413, "too_large"],
      ["pixels of another length", () => raw("rgb", 10, 10, Buffer.alloc(9)), 400, "bad_length"],
      [
        "a format that is none",
        () => part({ "Content-Type": "application/x-raw-pixels; format=x" }, "x"),
        415,
        "bad_format",
      ],
      ["telemetry that is none", () => image("x", { "X-Telemetry": "[]" }), 400, "bad_telemetry"],
      [
        "noise",
        () => Buffer.from(Array.from({ length: 100_000 }, (_, n) => (n * n * 31) % 256)),
        400,
        "malformed",
      ],
    ])("does not notice another stream's publisher that sends %s, which is told", async (...theCase) => {
      const [, bytes, status, counter] = theCase;
      const counted = await metric(counter);
      const publisher = publisherTo(other());
      await publisher.send(picture([255, 0, 0]));
      publisher.play(bytes());
      expectSentence(await publisher.answer, status);
      expect(await metric(counter)).toBe(counted + 1);
      await noticesNothing(page);
    });

    test("is not disturbed by another stream's broken pictures, whose viewer keeps the last good one", async () => {
      const good = picture([0, 0, 255], 40, 30);
      const publisher = publisherTo(other());
      await publisher.send(good);
      const watching = get(`${other()}/mjpeg`).on("error", () => {});
      ends.push(() => watching.destroy());
      await once(watching, "response");
      await eventually(async () =>
        expect(await server.info("other")).toMatchObject({ width: 40, viewers: 1 }),
      );
      for (const [type, bad] of [
        ["image/png", imageBomb(30_000)],
        ["image/jpeg", Buffer.from("not a picture")],
        // Sound, but longer than VP8 and JPEG can be.
        ["image/png", await stripesFile("png", 70_000, 2, [[1, 2, 3]])],
        ["image/jpeg", (await stripesFile("jpeg", 64, 48, [[1, 2, 3]])).subarray(0, -40)],
        [
          "image/svg+xml",
          Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="99999" height="99999"/>`),
        ],
      ] as const) {
        await publisher.send(part({ "Content-Type": type }, bad));
        await noticesNothing(page);
        expect(await server.info("other")).toMatchObject({ width: 40 });
      }
      publisher.play(picture([0, 255, 0], 50, 30));
      await eventually(async () => expect(await server.info("other")).toMatchObject({ width: 50 }));
    });

    test("is not disturbed by any number of cut, reset or unused connections", async () => {
      const whole = Buffer.concat([
        Buffer.from(
          "POST /streams/other HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        Buffer.from(`${picture([1, 2, 3]).length.toString(16)}\r\n`),
        picture([1, 2, 3]),
        Buffer.from("\r\nnot a chunk\r\n"),
      ]);
      for (let length = 0; length <= whole.length; length += Math.ceil(whole.length / 40)) {
        const socket = connect(server.port, "localhost").on("error", () => {});
        await once(socket, "connect");
        await new Promise((resolve) => socket.write(whole.subarray(0, length), resolve));
        if (length % 2 === 0) socket.destroy();
        else socket.resetAndDestroy();
      }
      await noticesNothing(page);
      // No stale publisher blocks the next one.
      await eventually(async () => {
        const publisher = publisherTo(other());
        expect(await publisher.end(Buffer.concat([picture([1, 2, 3]), CLOSING]))).toMatchObject({
          status: 204,
        });
      });
    });
  });

  // From here on the viewed stream itself is published.

  test("a publisher killed in mid-frame is live again on the same viewer connection when it returns", async () => {
    await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
    let publisher = publisherTo(`${server.url}/streams/main`);
    publisher.play(picture([255, 0, 0]));
    await showsColour(page, [255, 0, 0]);
    for (const colour of [
      [0, 0, 255],
      [128, 128, 128],
    ] as const) {
      await publisher.send(picture(colour).subarray(0, 1000));
      publisher.destroy();
      await waitForState(page, "crashed");

      publisher = publisherTo(`${server.url}/streams/main`);
      publisher.play(picture(colour));
      await waitForState(page, "live");
      await showsColour(page, colour);
    }
    await noticesNothing(page);
    expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
    expect(await publisher.end(CLOSING)).toMatchObject({ status: 204 });
    expect((await waitForState(page, "ended")).sentence).toMatch(/^Ended/);
    await showsColour(page, [128, 128, 128]);
  });

  test("a publisher that sends only keep-alives is shown as stalled, and recovers", async () => {
    const publisher = publisherTo(`${server.url}/streams/main`);
    await publisher.send(picture([255, 0, 0]));
    await waitForState(page, "live");
    publisher.play(IDLE);
    await waitForState(page, "stalled");
    publisher.play(picture([255, 255, 255]));
    await waitForState(page, "live");
    await showsColour(page, [255, 255, 255]);
    expect(publisher.answered).toBe(false);
    expect(await connectionsOf(page)).toBe(1);
  });

  test("a publisher learns what it sent wrong, and the viewer keeps its last picture", async () => {
    // The publisher of the test before has gone.
    await waitForState(page, "crashed");
    const publisher = publisherTo(`${server.url}/streams/main`);
    await publisher.send(picture([0, 0, 255]));
    await showsColour(page, [0, 0, 255]);
    await publisher.send(Buffer.from("--other\r\n"));
    expectSentence(await publisher.answer, 400);
    await waitForState(page, "crashed");
    await showsColour(page, [0, 0, 255]);
    expect(await connectionsOf(page)).toBe(1);
  });
});
