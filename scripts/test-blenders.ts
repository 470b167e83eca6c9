/**
 * `npm run test:blenders`: runs the Blender suites with the Blender of each Debian release, in chroots that it makes
 * once, and prints a table. Needs root and debootstrap.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readOptions, someOf } from "../bench/options.ts";
import { CHROOT_CACHE, openChroot } from "./chroot.ts";
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
  "control-blender",
  "loop",
].map((name) => `test/e2e/${name}.test.ts`);

const { cache, only } = readOptions({
  command: "npm run test:blenders",
  about: "runs the Blender suites with the Blender of each Debian release, in chroots that it keeps",
  options: {
    cache: {
      value: "DIR",
      help: "where to keep the chroots, 1.7 GB each",
      default: CHROOT_CACHE,
      check: z
        .string()
        .min(1, "a path")
        .transform((path) => resolve(path)),
    },
    only: { value: "NAMES", help: "the releases to test", default: NAMES.join(","), check: someOf(NAMES) },
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

// Ctrl-C ends the tests; what is mounted must be unmounted after that.
process.on("SIGINT", () => {});
const outcomes: Outcome[] = [];
for (const release of only) outcomes.push(await test(release));
console.log(`\n${tableOf(outcomes)}`);
if (outcomes.some(({ counts }) => counts.failed > 0 || counts.passed === 0)) process.exitCode = 1;

/** Runs the suites with the programs of a release. */
async function test(release: Release): Promise<Outcome> {
  const packages = [...PACKAGES, ...RELEASES[release]];
  const say = (line: string) => console.log(line);
  const chroot = openChroot({ suite: release, name: "blender", packages, cache, say });
  const folder = mkdtempSync(join(tmpdir(), "rendercast-blenders-"));
  try {
    for (const shared of new Set([checkout, "/tmp", tmpdir()])) chroot.bind(shared);
    const [blender, python] = [join(folder, "blender"), join(folder, "python3")];
    // Compiling EEVEE's shaders takes up to a minute each time; kept, once.
    chroot.wrap(blender, ["blender"], { MESA_SHADER_CACHE_DIR: "/var/cache/mesa-shaders" });
    chroot.wrap(python, ["python3"]);
    const version = (program: string) =>
      /\d+\.\d+\.\d+/.exec(chroot.run(program, "--version"))?.[0] ?? "unknown";
    const versions = { blender: version("blender"), python: version("python3") };
    console.log(`\n${release}: Blender ${versions.blender}, Python ${versions.python}`);
    const began = performance.now();
    const counts = await countsOf(join(folder, "tests.json"), {
      RENDERCAST_BLENDER: blender,
      RENDERCAST_PYTHON: python,
      RENDERCAST_INSTALL: "0",
    });
    return { release, ...versions, counts, seconds: Math.round((performance.now() - began) / 1000) };
  } finally {
    chroot.unmount();
    rmSync(folder, { recursive: true });
  }
}

/** Runs the suites, and counts their tests. */
async function countsOf(report: string, environment: Readonly<Record<string, string>>): Promise<Counts> {
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const vitest = [join(checkout, "node_modules/vitest/vitest.mjs"), "run", ...SUITES];
  const child = spawn(process.execPath, [...vitest, "--no-file-parallelism", ...reporters], {
    ...{ cwd: checkout, stdio: "inherit" as const },
    env: { ...process.env, ...environment },
  });
  await once(child, "exit");
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  return countTests(JSON.parse(readFileSync(report, "utf8")));
}

function tableOf(all: readonly Outcome[]): string {
  const rows = all.map(({ release, blender, python, counts, seconds }) =>
    [blender, `Debian ${release}`, python, countsLine(counts), `${seconds} s`].join(" | "),
  );
  const head = ["Blender | from | its Python | tests | took", "--- | --- | --- | --- | ---"];
  return [...head, ...rows].map((row) => `| ${row} |`).join("\n");
}
