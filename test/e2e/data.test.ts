import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, describe, expect, test } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { mutated, randomFrom } from "../helpers/fuzz.ts";
import { LoopWriter, NAMES } from "../helpers/loop-writer.ts";
import { IDLE, raw } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { eventually, followTelemetry } from "./helpers/telemetry.ts";

const TOKEN = "correct-horse-battery";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(...options: string[]): Promise<ServerProcess> {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-data-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

function post(
  server: ServerProcess,
  body: string | Buffer,
  headers: Record<string, string> = {},
  name = "main",
) {
  const bytes = new Uint8Array(Buffer.from(body));
  return fetch(`${server.url}/streams/${name}/telemetry`, { method: "POST", body: bytes, headers });
}

describe("data without a picture", () => {
  test("reaches followers with the next picture, or by itself if none comes", async () => {
    const server = await serve();
    const publisher = new TestPublisher(`${server.url}/streams/robot`);
    ends.push(() => publisher.destroy());
    await publisher.send(raw("rgb", 2, 2));
    const told = await followTelemetry(server, "robot");
    expect((await post(server, '{"elbow": 1}', {}, "robot")).status).toBe(204);
    await eventually(() => expect(told).toMatchObject([{ number: 1, data: { elbow: 1 } }]));
    const playing = setInterval(() => void publisher.send(raw("rgb", 2, 2)), 20);
    ends.push(() => clearInterval(playing));
    await eventually(async () => expect((await server.info("robot")).fps).toBeGreaterThan(5));
    await post(server, '{"elbow": 2}', {}, "robot");
    await eventually(() => expect(told.at(-1)).toMatchObject({ data: { elbow: 2 } }));
    expect(told.at(-1)?.number).toBeGreaterThan(1);
  });

  test("is refused with a sentence that says what to do", async () => {
    const server = await serve();
    const cases: [string | Buffer, number, RegExp, string?][] = [
      ["", 400, /^The data is not valid JSON: send an object/],
      ['{"angle": NaN}', 400, /has no NaN and no Infinity: send null instead\.\n$/],
      ["[1]", 400, /^The data must be a JSON object/],
      [Buffer.from([0x7b, 0xff, 0x7d]), 400, /^The data is not UTF-8/],
      [`{"a": "${"x".repeat(17_000)}"}`, 413, /^The data has more than 16384 bytes: send less/],
      ['{"angle": 1}', 404, /^There is no stream with this name: publish a picture first/, "nothing-here"],
    ];
    for (const [body, status, says, name] of cases) {
      const answer = await post(server, body, {}, name);
      expect(answer.status).toBe(status);
      expect(await answer.text()).toMatch(says);
    }
  });

  test("requires the right to publish", async () => {
    const server = await serve("--publish-token", TOKEN, "--trust-this-machine", "off");
    expect((await post(server, '{"a": 1}')).status).toBe(401);
    expect((await post(server, '{"a": 1}', { Authorization: "Bearer wrong" })).status).toBe(403);
    expect((await post(server, '{"a": 1}', { Authorization: `Bearer ${TOKEN}` })).status).toBe(204);
    const open = await serve();
    // A page of another site, in a browser on this machine.
    const page = {
      Origin: "https://example.com",
      "Sec-Fetch-Site": "cross-site",
      "Content-Type": "text/plain",
    };
    expect((await post(open, '{"a": 1}', page)).status).toBe(401);
  });

  test("changed at random never stops the server", async () => {
    const server = await serve();
    const told = await followTelemetry(server);
    const random = randomFrom(5);
    const scraps = ["{", "[[[[[[[[", "NaN", '"', "\0", "\r\n", "\\u"].map((scrap) => Buffer.from(scrap));
    const data = Buffer.from('{"shoulder": {"value": 31.5, "unit": "°"}, "joints": [1, 2.5e3]}');
    for (let round = 0; round < 300; round++) {
      const { status } = await post(server, mutated(data, random, scraps));
      expect([204, 400]).toContain(status);
    }
    const deep = `{"a":${"[".repeat(8000)}${"]".repeat(8000)}}`;
    expect((await post(server, deep)).status).toBe(204);
    expect((await post(server, '{"last": true}')).status).toBe(204);
    await eventually(() => expect(told.at(-1)?.data).toHaveProperty("last"));
  });
});

test("the data file of a folder travels with the picture that follows it", async () => {
  const folder = emptyFolder();
  const server = await serve("--folder", folder);
  const told = await followTelemetry(server);
  const loop = new LoopWriter({ folder });
  const colours = [10, 90, 170];
  for (const grey of colours) {
    const create = { width: 32, height: 32, channels: 3, background: { r: grey, g: grey, b: grey } } as const;
    writeFileSync(join(folder, NAMES.data), `{\n  "grey": ${grey}\n}`);
    loop.write(await sharp({ create }).jpeg().toBuffer());
    await eventually(() => expect(told.at(-1)?.data).toEqual({ grey }));
    const shown = await fetch(`${server.url}/streams/main/snapshot.jpg`);
    expect(shown.headers.get("x-frame-number")).toBe(String(told.at(-1)?.number));
    const { data } = await sharp(await shown.arrayBuffer())
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(Math.abs((data[0] ?? 0) - grey)).toBeLessThan(3);
  }
});

describeWith(["chromium"], "data without a picture, in Chromium,", ({ chromium }) => {
  test("reaches viewers while the picture stands still", async () => {
    const server = await serve();
    const publisher = new TestPublisher(`${server.url}/streams/still`);
    ends.push(() => publisher.destroy());
    await publisher.send(raw("rgb", 64, 48));
    publisher.play(IDLE);
    const browser = await launchChromium(chromium);
    ends.push(() => browser.close());
    const page = await openPlayer(browser, `${server.url}/watch/still`);
    await waitForState(page, "live");
    for (const elbow of [1, 2, 3]) {
      expect((await post(server, JSON.stringify({ elbow }), {}, "still")).status).toBe(204);
      const shown = () =>
        page.evaluate(() => {
          const { number, data } = document.querySelector("rendercast-player")?.telemetry ?? {};
          return { number, data };
        });
      await eventually(async () => expect(await shown()).toEqual({ number: 1, data: { elbow } }));
    }
    expect(troublesOf(page)).toEqual([]);
  });
});
