/**
 * `npm run test:blenders`: runs the Blender suites with the Blender of each Debian release, in chroots that it makes
 * once, and prints a table. Needs root and debootstrap. All mounts are made in a mount namespace of each command: they
 * end with it, however it ends.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readOptions, someOf } from "../bench/options.ts";
import { type Counts, countsLine, countTests } from "./report-counts.ts";

const checkout = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** What each chroot needs: Blender, and OpenGL in software. */
const PACKAGES = ["blender", "python3", "libegl1", "libegl-mesa0", "libgl1", "libopengl0", "libgl1-mesa-dri"];

/** Debian's releases, and the packages that Blender of each needs beyond its dependencies. */
const RELEASES = {
  bookworm: [],
  trixie: [],
  // Its extensions and its asset browser import these; without them, it prints tracebacks.
  sid: ["python3-requests", "python3-cattr"],
} as const satisfies Record<string, readonly string[]>;
type Release = keyof typeof RELEASES;
const NAMES = Object.keys(RELEASES) as Release[];

const SUITES = [
  "addon-background",
  "addon-blender",
  "background-blender",
  "blender",
  "blender-engines",
  "loop",
].map((name) => `test/e2e/${name}.test.ts`);

/** Mounts, below the root `$0`, what Blender and the tests need. The rest of the arguments is the command. */
const MOUNT = `
set -e
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
for shared in $SHARED; do
  mkdir -p "$0$shared"
  mount --bind "$shared" "$0$shared"
done
exec "$@"`;

const { folder, only, mirror } = readOptions({
  command: "npm run test:blenders",
  about: "runs the Blender suites with the Blender of each Debian release, in chroots that it keeps",
  options: {
    folder: {
      value: "DIR",
      help: "where to keep the chroots, 1.7 GB each",
      default: join(homedir(), ".cache/rendercast/blenders"),
      check: z
        .string()
        .min(1, "a path")
        .transform((path) => resolve(path)),
    },
    only: { value: "NAMES", help: "the releases to test", default: NAMES.join(","), check: someOf(NAMES) },
    mirror: {
      value: "URL",
      help: "Debian's mirror",
      default: "http://deb.debian.org/debian",
      check: z.string().regex(/^https?:\/\/\S+$/, "the URL of a mirror"),
    },
  },
});

/** How the suites of a release went. */
interface Outcome {
  readonly release: Release;
  readonly blender: string;
  readonly python: string;
  readonly counts: Counts;
  readonly seconds: number;
}

if (process.getuid?.() !== 0) {
  console.error("test:blenders makes chroots: run it as root.");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const outcomes: Outcome[] = [];
for (const release of only) {
  await prepare(release);
  outcomes.push(await test(release));
}
console.log(`\n${tableOf(outcomes)}`);
if (outcomes.some(({ counts }) => counts.failed > 0 || counts.passed === 0)) process.exitCode = 1;

/** Makes the chroot of a release, unless the folder has it. */
async function prepare(release: Release): Promise<void> {
  const root = join(folder, release);
  if (existsSync(join(root, "usr/bin/blender"))) return;
  const unfinished = `${root}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  await succeed(["debootstrap", "--variant=minbase", release, unfinished, mirror]);
  cpSync("/etc/resolv.conf", join(unfinished, "etc/resolv.conf"));
  for (const file of globSync("/etc/apt/apt.conf.d/*").filter((path) => /^Acquire::/m.test(textOf(path))))
    cpSync(file, join(unfinished, file));
  rmSync(join(unfinished, "etc/mtab"), { force: true });
  const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  const inside = (...command: string[]) =>
    succeed(inNamespace(unfinished, ["chroot", unfinished, ...command]));
  await inside("ln", "-sf", "../proc/self/mounts", "/etc/mtab");
  // Mirrors of sid fall behind, and clocks run ahead.
  await inside(...apt, "-o", "Acquire::Check-Valid-Until=false", "update");
  const wanted = [...PACKAGES, ...RELEASES[release]];
  await inside(
    ...apt,
    "-qq",
    "-o",
    "Dpkg::Use-Pty=0",
    "install",
    "--yes",
    "--no-install-recommends",
    ...wanted,
  );
  renameSync(unfinished, root);
}

/** Runs the suites with the programs of a release. */
async function test(release: Release): Promise<Outcome> {
  const root = join(folder, release);
  const blender = wrapperOf(release, "blender");
  const python = wrapperOf(release, "python3");
  const version = async (program: string) =>
    /\d+\.\d+\.\d+/.exec(await outputOf(inNamespace(root, [program, "--version"])))?.[0] ?? "unknown";
  const versions = { blender: await version(blender), python: await version(python) };
  console.log(`\n${release}: Blender ${versions.blender}, Python ${versions.python}`);
  const reports = mkdtempSync(join(tmpdir(), "rendercast-blenders-"));
  const report = join(reports, "tests.json");
  const began = performance.now();
  const vitest = [process.execPath, join(checkout, "node_modules/vitest/vitest.mjs"), "run", ...SUITES];
  const reporting = [
    "--no-file-parallelism",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const environment = {
    RENDERCAST_BLENDER: blender,
    RENDERCAST_PYTHON: python,
    RENDERCAST_INSTALL: "0",
  };
  await run(inNamespace(root, [...vitest, ...reporting]), environment);
  const seconds = Math.round((performance.now() - began) / 1000);
  const broken = { passed: 0, failed: 1, skipped: 0 };
  const counts = existsSync(report) ? countTests(JSON.parse(textOf(report))) : broken;
  rmSync(reports, { recursive: true });
  return { release, ...versions, counts, seconds };
}

/** Writes a program that runs one of the chroot's in the same folder, and keeps its process id. */
function wrapperOf(release: Release, program: string): string {
  const path = join(folder, `${release}-${program}`);
  // Compiling EEVEE's shaders takes up to a minute each time; kept, once.
  const inside = `cd "$0"; export MESA_SHADER_CACHE_DIR=/var/cache/mesa-shaders; exec ${program} "$@"`;
  writeFileSync(
    path,
    `#!/bin/sh\nexec chroot '${join(folder, release)}' /bin/sh -c '${inside}' "$PWD" "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** The command that runs another with the chroot's mounts, which nothing outside of it sees. */
function inNamespace(root: string, command: readonly string[]): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", MOUNT, root, ...command];
}

/** Runs a command, its output being ours. Resolves with its exit code. */
function run([program = "", ...args]: readonly string[], environment = {}): Promise<number | null> {
  const shared = [...new Set([checkout, "/tmp", tmpdir()])].join(" ");
  const env = { ...process.env, ...environment, SHARED: shared };
  const child = spawn(program, args, { cwd: checkout, env, stdio: ["ignore", "inherit", "inherit"] });
  return new Promise((done, failed) => child.on("error", failed).on("close", done));
}

/** Runs a command. Throws if it fails. */
async function succeed(command: readonly string[]): Promise<void> {
  const code = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with code ${code}.`);
}

async function outputOf([program = "", ...args]: readonly string[]): Promise<string> {
  const child = spawn(program, args, { cwd: checkout, env: { ...process.env, SHARED: checkout } });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await new Promise((done, failed) => child.on("error", failed).on("close", done));
  return output;
}

function textOf(path: string): string {
  return readFileSync(path, "utf8");
}

function tableOf(all: readonly Outcome[]): string {
  const rows = all.map(({ release, blender, python, counts, seconds }) =>
    [blender, `Debian ${release}`, python, countsLine(counts), `${seconds} s`].join(" | "),
  );
  const head = ["Blender | from | its Python | tests | took", "--- | --- | --- | --- | ---"];
  return [...head, ...rows].map((row) => `| ${row} |`).join("\n");
}
