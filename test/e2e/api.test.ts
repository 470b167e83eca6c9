/** The package's API against the real server, in this process. `package.test.ts` runs it as npm installs it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterEach, expect, test, vi } from "vitest";
import {
  PushError,
  type Rendercast,
  type RendercastOptions,
  startRendercast,
  UsageError,
} from "../../src/index.ts";

const PIXELS = { format: "rgb", width: 32, height: 16, data: new Uint8Array(32 * 16 * 3).fill(200) } as const;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: RendercastOptions = {}): Promise<Rendercast> {
  const rendercast = await startRendercast({ port: 0, host: "127.0.0.1", ...options });
  ends.push(() => rendercast.close());
  return rendercast;
}

async function sizeOf(rendercast: Rendercast, name: string) {
  // The first PNG waits for the start of a decoder process.
  const response = await vi.waitFor(
    async () => {
      const answer = await fetch(`${rendercast.url}streams/${name}/snapshot.jpg`);
      expect(answer.status).toBe(200);
      return answer;
    },
    { timeout: 20_000 },
  );
  const { width, height } = await sharp(await response.arrayBuffer()).metadata();
  return { width, height };
}

test("one program shows several streams, of pixels and of image files", async () => {
  const rendercast = await start();
  const other = await rendercast.openStream("other");
  rendercast.stream.push(PIXELS, { angle: 1 });
  other.push(
    await sharp({ create: { width: 40, height: 30, channels: 4, background: "red" } })
      .png()
      .toBuffer(),
  );
  expect(await sizeOf(rendercast, "main")).toEqual({ width: 32, height: 16 });
  expect(await sizeOf(rendercast, "other")).toEqual({ width: 40, height: 30 });
  expect(await rendercast.openStream("other")).toBe(other);
  expect(other.info()).toMatchObject({ name: "other", source: "this program", state: { kind: "live" } });
  await expect(rendercast.openStream("no name")).rejects.toThrow(/A stream's name is /);
});

test("an application can follow each valid frame with its data", async () => {
  const rendercast = await start({ maxMegapixels: 1 });
  const { stream } = rendercast;
  const response = await fetch(`${rendercast.url}streams/main/telemetry`);
  const events = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  ends.push(() => events?.cancel());
  const large = { ...PIXELS, width: 1001, height: 1000, data: new Uint8Array(1001 * 1000 * 3) };
  expect(() => stream.push(large, { angle: 1 })).toThrow(PushError);
  stream.push(PIXELS, { angle: 2 });
  let told = "";
  while (!told.includes("angle")) told += (await events?.read())?.value;
  expect(told).toContain('"angle":2');
  expect(told).not.toContain('"angle":1');
});

test("damaged pictures are reported as a problem once somebody watches", async () => {
  const rendercast = await start();
  const watching = await fetch(`${rendercast.url}streams/main/mjpeg`);
  ends.push(() => watching.body?.cancel());
  await vi.waitFor(
    () => {
      rendercast.stream.push(new TextEncoder().encode("no picture"));
      expect(rendercast.stream.info().problem).toMatch(/^The pictures that come cannot be shown: .*\.$/);
    },
    { timeout: 20_000 },
  );
});

test("its options restrict access like those of the command line", async () => {
  const rendercast = await start({ viewToken: "a-long-secret" });
  rendercast.stream.push(PIXELS);
  expect((await fetch(`${rendercast.url}streams/main/snapshot.jpg`)).status).toBe(401);
  expect(await rendercast.link("https://render.example")).toMatch(/^https:\/\/render\.example\/watch\/main#/);
});

test("its log goes to the program, and it ignores the environment", async () => {
  vi.stubEnv("RENDERCAST_MAX_STREAMS", "nonsense");
  ends.push(() => vi.unstubAllEnvs());
  const lines: string[] = [];
  const rendercast = await start({ log: (line, { level }) => lines.push(`${level}: ${line}`) });
  rendercast.stream.push(PIXELS);
  expect(lines).toContain("info: main: a publisher at this program connected.");
});

test("a port in use and a wrong option are errors that say what to do", async () => {
  const { port } = await start();
  await expect(start({ port })).rejects.toThrow(UsageError);
  await expect(start({ port })).rejects.toThrow(`Port ${port} is in use: `);
  await expect(start({ fps: 1000 })).rejects.toThrow("--fps takes a whole number from 1 to 120, not '1000'.");
});

test("a stream with another source takes no frames, and neither does a closed server", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rendercast-"));
  ends.push(() => rm(folder, { recursive: true }));
  const { stream } = await start({ folder });
  expect(() => stream.push(PIXELS)).toThrow(expect.objectContaining({ code: "taken" }));
  const rendercast = await startRendercast({ port: 0, host: "127.0.0.1" });
  rendercast.stream.push(PIXELS);
  await rendercast.close();
  expect(() => rendercast.stream.push(PIXELS)).toThrow(expect.objectContaining({ code: "closed" }));
  await expect(fetch(rendercast.url)).rejects.toThrow();
});
