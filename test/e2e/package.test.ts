/**
 * The package as npm gives it to its users. `npm run test:package` repeats this with the versions of Node that
 * RENDERCAST_NODES lists; without it, it is the Node that runs the tests.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { copyFile, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Browser } from "puppeteer-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { isOlder, oldestNode } from "../../src/base/package.ts";
import { launchChromium } from "../helpers/browser.ts";
import { CLOSING, part } from "../helpers/multipart-writer.ts";
import { describeWith } from "../setup/suites.ts";
import { ended } from "./helpers/child.ts";
import { environment, nodeOf, PackedPackage, packagesIn } from "./helpers/package.ts";
import { openPlayer, troublesOf, waitForState, waitForStats } from "./helpers/player.ts";
import { TestPublisher } from "./helpers/publisher.ts";
import { startServerAs } from "./helpers/server.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLE = join(ROOT, "examples/node/dial.mjs");
const NODES = process.env.RENDERCAST_NODES?.split(",") ?? [undefined];

/** What npm installs beside the package: native code, and what finds it. */
const NATIVE_PARTS = [
  /^@img\/(colour|sharp(-libvips)?-[\w-]+)$/,
  /^@koromix\/koffi-[\w-]+$/,
  /^@seydx\/node-av-[\w-]+$/,
  /^(detect-libc|koffi|rendercast|semver|sharp)$/,
];

const run = promisify(execFile);

let packed: PackedPackage;
/** Folders in which it is installed, whole and without optional parts. */
let whole: string;
let bare: string;
beforeAll(async () => {
  packed = await PackedPackage.make();
  whole = await packed.install("--omit=dev");
  bare = await packed.install("--omit=optional");
  await copyFile(EXAMPLE, join(whole, "dial.mjs"));
}, 180_000);
afterAll(() => packed.remove());

describeWith(["chromium"], "npx rendercast in an empty folder", ({ chromium }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterAll(() => browser.close());

  test("starts the server, which decodes, encodes and shows a stream in a browser", async () => {
    const folder = await packed.emptyFolder();
    const npx = ["npx", "--yes", "--cache", packed.cache, "--package", packed.file, "rendercast"] as const;
    // Ctrl-C in a terminal reaches npx and the server, which are one process group.
    const inFolder = ["setsid", "env", "-C", folder, `PATH=${environment(process.execPath).PATH}`] as const;
    const server = await startServerAs(
      (_node, _main, ...options) => [...inFolder, ...npx, ...options],
      ...["--workers", "1"],
    );
    try {
      // A PNG is decoded in a process of its own, whose file must be found.
      const publisher = new TestPublisher(`${server.url}/streams/main`);
      const png = await sharp({ create: { width: 64, height: 48, channels: 3, background: "#c04020" } })
        .png()
        .toBuffer();
      publisher.play(part({ "Content-Type": "image/png" }, png));
      const page = await openPlayer(browser, `${server.url}/watch/main`);
      await waitForState(page, "live");
      await waitForStats(page, ({ transport }) => transport === "webrtc");
      expect(await server.info()).toMatchObject({ width: 64, height: 48, viewers: 1 });
      expect(troublesOf(page)).toEqual([]);
      await page.close();
      await publisher.end(CLOSING);
    } finally {
      const exited = once(server.process, "exit");
      process.kill(-(server.process.pid as number), "SIGINT");
      await exited;
    }
  }, 120_000);
});

test("it installs the package and its native parts, nothing else", async () => {
  const others = (await packagesIn(whole)).filter((name) => !NATIVE_PARTS.some((part) => part.test(name)));
  expect(others).toEqual([]);
});

describe.each(NODES)("installed, with Node %s", (version) => {
  let node: string;
  let isTooOld: boolean;
  const start = (folder: string, path: string, ...options: string[]) =>
    spawn(node, [path, ...options], { cwd: folder, env: { ...environment(node), PORT: "0" } });
  const bin = (folder: string) => join(folder, "node_modules/.bin/rendercast");

  beforeAll(async () => {
    node = await nodeOf(version, packed);
    isTooOld = isOlder(version ?? process.versions.node, oldestNode());
  }, 120_000);

  test("gives a program the API that the example uses", async () => {
    const example = start(whole, "dial.mjs");
    const result = ended(example);
    if (isTooOld) {
      expect(await result).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("rendercast needs Node"),
      });
      return;
    }
    let output = "";
    example.stdout.on("data", (text) => {
      output += text;
    });
    const url = await vi.waitFor(() => /Watch at (\S+)/.exec(output)?.[1] ?? Promise.reject(output), {
      timeout: 20_000,
    });
    const watching = await fetch(`${url}streams/main/mjpeg`);
    await vi.waitFor(() => expect(output).toMatch(/Viewer \w+ joined by mjpeg\./));
    const telemetry = (await fetch(`${url}streams/main/telemetry`)).body?.pipeThrough(
      new TextDecoderStream(),
    );
    const events = telemetry?.getReader();
    let told = "";
    while (!/"angle":\d+,"turning":true/.test(told)) told += (await events?.read())?.value;
    const snapshot = await fetch(`${url}streams/main/snapshot.jpg`);
    expect(await sharp(await snapshot.arrayBuffer()).metadata()).toMatchObject({ width: 240, height: 240 });
    await Promise.allSettled([events?.cancel(), watching.body?.cancel()]);
    await vi.waitFor(() => expect(output).toMatch(/Viewer \w+ left\./), { timeout: 5000 });
    example.kill("SIGINT");
    expect((await result).stdout).toMatch(/The stream is live\.[\s\S]*The stream is ended\./);
    expect(await result).toMatchObject({ code: 0, stderr: "" });
  });

  test("works without koffi, which only makes sending faster", async () => {
    if (isTooOld) return;
    const koffi = join(whole, "node_modules/koffi");
    await rename(koffi, `${koffi}-away`);
    try {
      const server = await startServerAs((_node, _main, ...options) => [node, bin(whole), ...options]);
      expect((await fetch(`${server.url}/streams/main/snapshot.jpg`)).status).toBe(200);
      expect(await server.stop()).toBe(0);
    } finally {
      await rename(`${koffi}-away`, koffi);
    }
  });

  test("says what is missing without its optional parts", async () => {
    const result = await ended(start(bare, bin(bare)));
    expect(result).toMatchObject({ code: 2, stdout: "" });
    expect(result.stderr).toMatch(
      isTooOld
        ? /^rendercast needs Node [\d.]+ or newer, and this is [\d.]+\. Install a newer Node from \S+\.\n$/
        : /^rendercast needs the native part of node-av for \S+, which is not installed\. Install again without --omit=optional; .*\n$/,
    );
  });
});

test("its types are complete without those of Node and other packages", async () => {
  await writeFile(
    join(bare, "program.ts"),
    `import { PushError, type RendercastOptions, startRendercast, type Stream } from "rendercast";
const options: RendercastOptions = { port: 0, codecs: ["vp8"], engine: "cycles", log: (line, { level }) => line + level };
const { stream, close } = await startRendercast(options);
const also: Stream = stream.on("viewer-joined", ({ id }) => id.length);
also.on("state", (state) => (state.kind === "live" ? state.run : state.kind));
try {
  stream.push({ format: "rgb", width: 1, height: 1, data: new Uint8Array(3) }, { angle: 1 });
} catch (error) {
  if (error instanceof PushError && error.code === "too-large") await close();
}
// @ts-expect-error
stream.push({ format: "cmyk", width: 1, height: 1, data: new Uint8Array(3) });
// @ts-expect-error
await startRendercast({ colour: "red" });
`,
  );
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const strict = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", ""];
  await run(process.execPath, [tsc, ...strict, "program.ts"], { cwd: bare });
});

test("a clone without its development packages says so", async () => {
  const folder = await packed.clone();
  await expect(run("npm", ["start"], { cwd: folder })).rejects.toMatchObject({
    stderr: expect.stringMatching(
      /rendercast: A clone needs its development packages, .*: run `npm install`/,
    ),
  });
});

test("it says what it is, and holds no strays", async () => {
  const installed = join(bare, "node_modules/rendercast");
  const metadata = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  for (const field of ["description", "keywords", "author", "license", "engines", "exports"])
    expect(metadata[field], field).toBeDefined();
  expect(metadata.license).toBe("MIT AND GPL-3.0-or-later");
  const { stdout } = await run("tar", ["tzf", packed.file]);
  const strays = stdout
    .split("\n")
    .filter((path) => /__pycache__|\.(map|log|pyc)$|\.test\.|-licenses\.json$/.test(path));
  expect(strays).toEqual([]);
  const notices = await readFile(join(installed, "dist/licenses.md"), "utf8");
  for (const bundled of ["express", "socket.io", "werift", "node-av", "uplot", "zod"])
    expect(notices).toMatch(new RegExp(`^## ${bundled} [\\d.]+ \\(MIT\\)$`, "m"));
});
