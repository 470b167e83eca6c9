/**
 * Makes a machine ready for the end-to-end suites: finds the programs they run, installs the missing ones
 * where it may, and builds the web page. Vitest runs it once before those suites; `node test/setup/parts.ts` alone.
 */
import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import {
  describeMissing,
  findParts,
  findProgram,
  type Installation,
  type Installer,
  isCi,
  missingParts,
  type Parts,
  planParts,
  progressOf,
  updateCommand,
} from "./plan.ts";
import { system } from "./system.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The programs that this machine has; `suites.ts` hands them to the suites. */
    parts: Parts;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Vitest's global set-up of the end-to-end suites: once for all of their projects, though Vitest calls it for each. */
export default async function setup({ vitest }: TestProject): Promise<void> {
  if (vitest.getProvidedContext().parts) return;
  vitest.provide("parts", await readyParts());
  await buildPage();
}

/** Finds the programs and installs the missing ones where it may. In CI it throws where one stays missing. */
async function readyParts(): Promise<Parts> {
  const installer = findInstaller();
  for (const installation of planParts(findParts(system), installer)) await install(installation);

  const found = findParts(system);
  const missing = missingParts(found);
  if (missing.length > 0) {
    const because = installer.as === "nobody" ? installer.because : "which could not be installed";
    const message = describeMissing(missing, because);
    if (isCi(system.env)) throw new Error(`${message}\nIn CI a suite that is left out is a failure.`);
    say(message);
  }
  return found;
}

function findInstaller(): Installer {
  if (system.env.RENDERCAST_INSTALL === "0") {
    return { as: "nobody", because: "because RENDERCAST_INSTALL is 0" };
  }
  if (!findProgram(system, ["apt-get"])) {
    return { as: "nobody", because: "and there is no apt-get here to install them" };
  }
  if (process.getuid?.() === 0) return { as: "root" };
  if (findProgram(system, ["sudo"]) && spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0) {
    return { as: "sudo" };
  }
  return { as: "nobody", because: "which only root or sudo without a password could install" };
}

let updated = false;

/** Installs a part; where that fails at first, with fresh package lists. Says why where it fails for good. */
async function install({ part, announcement, command }: Installation): Promise<void> {
  say(announcement);
  let failure = await apt(part, command);
  if (failure !== undefined && !updated) {
    updated = true;
    say(`${part}: bringing the package lists up to date first`);
    const as = command[0] === "sudo" ? "sudo" : "root";
    failure = (await apt("package lists", updateCommand(as))) ?? (await apt(part, command));
  }
  if (failure !== undefined) say(`${part}: could not be installed.\n${failure}`);
}

/** Runs apt-get and shows its progress. Returns the end of its output where it failed. */
async function apt(
  what: string,
  [program, ...args]: readonly [string, ...string[]],
): Promise<string | undefined> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const tail: string[] = [];
  let shown = "";
  const read = (line: string) => {
    const progress = progressOf(line);
    if (!progress) {
      tail.push(line);
      if (tail.length > 15) tail.shift();
      return;
    }
    const step = `${what}: ${progress.doing}, ${Math.floor(progress.percent / 20) * 20} %`;
    if (step !== shown) say(step);
    shown = step;
  };
  createInterface(child.stdout).on("line", read);
  createInterface(child.stderr).on("line", read);
  const code = await new Promise<number | string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (status, signal) => resolve(status ?? signal ?? "unknown"));
  });
  return code === 0 ? undefined : [...tail, `apt-get ended with ${code}.`].join("\n");
}

/** Builds the web page as `npm start` does. */
async function buildPage(): Promise<void> {
  // Vitest's own variables would make it a page for tests.
  const { NODE_ENV: _mode, VITEST: _vitest, ...env } = process.env;
  const child = spawn("npm run --silent build:web", { cwd: root, env, shell: true, stdio: ["ignore", 2, 2] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  if (code !== 0) throw new Error("The web page did not build: npm run build:web says why.");
}

// The standard output belongs to the reporters.
function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

if (import.meta.main) {
  const found = await readyParts();
  for (const [name, path] of Object.entries(found)) say(`${name}: ${path}`);
  if (missingParts(found).length > 0) process.exitCode = 1;
}
