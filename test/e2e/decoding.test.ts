import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { jpegOfScans, pngOfTexts, tiffOf } from "../helpers/hostile-pictures.ts";
import { image } from "../helpers/multipart-writer.ts";
import { gradientJpeg } from "../helpers/pictures.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** More than the library's threads, and than are decoded at once. */
const ATTACKERS = 6;

/** More than come before the attackers' pictures are all being decoded. */
const FRAMES = 60;

const patience = { timeout: 60_000, interval: 100 };

vi.setConfig({ testTimeout: 120_000 });

let server: ServerProcess;
let open: { destroy(): void }[] = [];

beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  for (const one of open) one.destroy();
  open = [];
  await server.stop();
});

/** Publishes the pictures over and over, and watches them by MJPEG. */
async function publish(
  name: string,
  ...pictures: Buffer[]
): Promise<{ shown(): number; publisher: TestPublisher }> {
  const publisher = new TestPublisher(`${server.url}/streams/${name}`);
  open.push(publisher);
  publisher.play(...pictures.map((picture) => image(picture, { "Content-Type": "image/any" })));
  await vi.waitFor(
    async () => expect((await fetch(`${server.url}/streams/${name}`)).status).toBe(200),
    patience,
  );
  const [response] = (await once(get(`${server.url}/streams/${name}/mjpeg`), "response")) as [
    IncomingMessage,
  ];
  open.push(response);
  let shown = 0;
  response.on("data", (chunk: Buffer) => {
    for (let at = chunk.indexOf("image/jpeg"); at >= 0; at = chunk.indexOf("image/jpeg", at + 1)) shown++;
  });
  response.on("error", () => {});
  return { shown: () => shown, publisher };
}

async function goesOn(stream: { shown(): number }, frames = FRAMES): Promise<void> {
  const before = stream.shown();
  await vi.waitFor(() => expect(stream.shown() - before).toBeGreaterThan(frames), patience);
}

const problemOf = async (name: string) => (await server.info(name)).problem;

const isRefused = (name: string, why: RegExp) =>
  vi.waitFor(async () => expect(await problemOf(name)).toMatch(why), patience);

/** The processes that decode for the server, on Linux. */
function decoders(): number[] {
  const isOne = (pid: string) => {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
      const isOurs = Number(parent) === server.process.pid;
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("image/decoder-worker");
    } catch {
      return false;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && isOne(name))
    .map(Number);
}

/** 0 for one that has ended. */
function residentBytes(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

describe("while one stream plays", () => {
  let bystander: Awaited<ReturnType<typeof publish>>;
  beforeEach(async () => {
    bystander = await publish("bystander", await gradientJpeg(320, 180), await gradientJpeg(318, 180));
    await goesOn(bystander, 3);
  });

  test("others publish pictures that take minutes to decode, and neither the stream nor the server stalls", async () => {
    const evil = jpegOfScans(20_000);
    for (let n = 0; n < ATTACKERS; n++) await publish(`evil-${n}`, evil);
    await goesOn(bystander);
    expect((await fetch(`${server.url}/player.js`)).status).toBe(200);
    expect((await fetch(`${server.url}/streams/bystander/snapshot.jpg`)).status).toBe(200);
    await isRefused(
      "evil-0",
      /^The pictures that come cannot be shown: they take long(er than 5 seconds)? to decode.*: send smaller ones, or JPEG\.$/,
    );
  });

  test("another publishes a picture one pixel wide, which is refused before it is decoded", async () => {
    await publish("evil", tiffOf(1, 16_900_000));
    await isRefused(
      "evil",
      /they are 1x16900000, and no side may have more than 16383 pixels: send smaller ones/,
    );
    await goesOn(bystander, 20);
  });

  test("another's decoder crashes: its stream reports it, and recovers with the next valid picture", async () => {
    const { publisher } = await publish("evil", jpegOfScans(2000));
    // One that has taken a picture: until then it holds half as much.
    const isDecoding = (pid: number) => residentBytes(pid) > 140e6;
    const crashing = setInterval(() => {
      for (const pid of decoders().filter(isDecoding)) process.kill(pid, "SIGSEGV");
    }, 50);
    open.push({ destroy: () => clearInterval(crashing) });
    await isRefused("evil", /the decoder crashed on them: send JPEG/);
    clearInterval(crashing);
    const png = await sharp(await gradientJpeg(64, 48))
      .png()
      .toBuffer();
    publisher.play(image(png, { "Content-Type": "image/png" }));
    await vi.waitFor(
      async () => expect(await server.info("evil")).toMatchObject({ width: 64, height: 48 }),
      patience,
    );
    expect(await problemOf("evil")).toBeUndefined();
    await goesOn(bystander, 20);
  });
});

test("a picture that exhausts memory exhausts only the bounded memory of its decoder process", async () => {
  await server.stop();
  server = await startServer("--max-megapixels", "1");
  await publish("evil", pngOfTexts(400));
  let most = 0;
  const watching = setInterval(() => {
    most = Math.max(most, ...decoders().map(residentBytes));
  }, 20);
  open.push({ destroy: () => clearInterval(watching) });
  await isRefused("evil", /they take too much memory to decode: send smaller ones, or JPEG/);
  expect(most).toBeLessThan(1.5e9);
});

test("a light stream of another format than JPEG keeps playing beside slow pictures", async () => {
  const png = await sharp(await gradientJpeg(160, 90))
    .png()
    .toBuffer();
  const bystander = await publish("bystander", png);
  await goesOn(bystander, 3);
  for (let n = 0; n < ATTACKERS; n++) await publish(`evil-${n}`, jpegOfScans(20_000));
  await goesOn(bystander);
});

test.each(["png", "webp", "gif", "tiff", "avif", "jpeg"] as const)(
  "a picture as %s is shown",
  async (format) => {
    const picture = sharp(await gradientJpeg(64, 48));
    const progressive = format === "jpeg" ? { progressive: true } : {};
    await publish("any", await picture.toFormat(format, progressive).toBuffer());
    await vi.waitFor(
      async () => expect(await server.info("any")).toMatchObject({ width: 64, height: 48 }),
      patience,
    );
  },
);

test.each(["SIGTERM", "SIGKILL"] as const)("after %s no decoder is left", async (signal) => {
  await publish("evil", jpegOfScans(20_000));
  await vi.waitFor(() => expect(decoders()).toHaveLength(1), patience);
  const [decoder = 0] = decoders();
  server.process.kill(signal);
  await once(server.process, "exit");
  await vi.waitFor(() => expect(() => process.kill(decoder, 0)).toThrow(), patience);
});

test("a decoder knows none of the server's secrets", async () => {
  await server.stop();
  process.env.RENDERCAST_VIEW_TOKEN = "a-secret-of-the-server";
  try {
    server = await startServer();
  } finally {
    delete process.env.RENDERCAST_VIEW_TOKEN;
  }
  const publisher = new TestPublisher(`${server.url}/streams/x`);
  open.push(publisher);
  publisher.play(image(jpegOfScans(2000)));
  await vi.waitFor(async () => {
    const headers = { Authorization: "Bearer a-secret-of-the-server" };
    const response = await fetch(`${server.url}/streams/x/mjpeg`, { headers });
    open.push({ destroy: () => void response.body?.cancel() });
    expect(response.status).toBe(200);
  }, patience);
  await vi.waitFor(() => expect(decoders()).toHaveLength(1), patience);
  expect(readFileSync(`/proc/${decoders()[0]}/environ`, "latin1")).not.toContain("a-secret");
});
