/**
 * `npm run test:firefox-current [-- --cache DIR] [FILE...]`: runs the suites for Firefox in its current release, from
 * Debian's sid. Needs root and debootstrap; CI runs the same suites in Firefox ESR.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CHROOT_CACHE, openChroot } from "./chroot.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** The folder that keeps the chroot. */
    cache: { type: "string", default: CHROOT_CACHE },
  },
});
const files = positionals.length > 0 ? positionals : suitesForFirefox();

// Ctrl-C ends the tests; what is mounted must be unmounted after that.
process.on("SIGINT", () => {});
const folder = mkdtempSync(join(tmpdir(), "rendercast-"));
const chroot = openChroot({
  ...{ suite: "sid", name: "firefox", packages: ["firefox"], cache: values.cache },
  say: (line) => console.log(line),
});
try {
  // Profiles and downloads are there.
  chroot.bind(tmpdir());
  const program = join(folder, "firefox");
  // Its sandbox needs rights that a container does not give.
  chroot.wrap(program, ["firefox"], { MOZ_DISABLE_CONTENT_SANDBOX: "1" });
  const version = chroot.run("firefox", "--version").trim();
  console.log(`${version} runs ${files.length} files.`);
  const child = spawn("npx", ["vitest", "run", "--testNamePattern", "Firefox", ...files], {
    cwd: root,
    env: { ...process.env, RENDERCAST_FIREFOX: program },
    stdio: "inherit",
  });
  const [code] = await once(child, "exit");
  console.log(`${version}: ${code === 0 ? "all passed" : "some failed"}.`);
  process.exitCode = code ?? 1;
} finally {
  chroot.unmount();
  rmSync(folder, { recursive: true });
}

function suitesForFirefox(): string[] {
  return globSync("test/e2e/*.test.ts", { cwd: root }).filter((file) =>
    /describeInBrowsers|launchFirefox/.test(readFileSync(join(root, file), "utf8")),
  );
}
