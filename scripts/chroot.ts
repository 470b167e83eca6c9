/**
 * Another release of Debian in a folder, to run its programs on this machine: made once by debootstrap and kept in a
 * cache folder. Needs root, and debootstrap.
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Architecture, emulate } from "./emulation.ts";

/** What to put into a {@link Chroot}. */
export interface ChrootOptions {
  /** Debian's name of the release, such as `trixie` or `sid`. */
  readonly suite: string;
  /** Names the folder, together with the suite: chroots with other packages stay apart. */
  readonly name: string;
  readonly packages: readonly string[];
  /** Other than this machine's, it is emulated: see {@link emulate}. */
  readonly architecture?: Architecture;
  /** Where chroots are kept; see {@link CHROOT_CACHE}. */
  readonly cache: string;
  /** Called with each step, as a line for the user. */
  readonly say: (line: string) => void;
}

/** A release of Debian in a folder, with its file systems mounted. */
export interface Chroot {
  /** The folder that is `/` inside. */
  readonly root: string;
  /** Runs a program inside; its standard output. Throws if it fails. */
  run(...command: [string, ...string[]]): string;
  /** Makes a folder of this machine the same folder inside, until {@link Chroot.unmount}. */
  bind(folder: string): void;
  /** Writes a program that runs one of the chroot's, with the same process id, and in the same folder if it is bound. */
  wrap(file: string, command: readonly [string, ...string[]], env?: Readonly<Record<string, string>>): void;
  /** Unmounts all that was mounted. Without it, deleting the folder would delete this machine's files. */
  unmount(): void;
}

/** Where chroots are kept if an option names no other folder. */
export const CHROOT_CACHE = join(
  process.env.XDG_CACHE_HOME || join(homedir(), ".cache"),
  "rendercast",
  "chroots",
);

const MIRROR = "http://deb.debian.org/debian";

/** Each with the flags of mount(8). `/dev` has mounts of its own, and unmounting them inside must not reach this machine. */
const FILE_SYSTEMS = [
  { path: "/proc", flags: [["--types", "proc", "proc"]] },
  { path: "/sys", flags: [["--bind", "/sys"]] },
  { path: "/dev", flags: [["--rbind", "/dev"], ["--make-rslave"]] },
] as const;

/** Makes the chroot, or takes the one in the cache, and mounts its file systems. Throws with what to do if it cannot. */
export function openChroot(options: ChrootOptions): Chroot {
  const { suite, name, packages, architecture, cache, say } = options;
  if (process.getuid?.() !== 0) throw new Error("A chroot needs root. Run the command as root.");
  const stopEmulation = architecture ? emulate(architecture) : () => {};
  const root = join(cache, [suite, name, architecture ?? []].flat().join("-"));
  const mounted: string[] = [];
  const mount = (path: string, ...flags: readonly (readonly string[])[]) => {
    const target = join(root, path);
    mkdirSync(target, { recursive: true });
    // A run that was killed leaves its mounts: this one unmounts them.
    if (spawnSync("mountpoint", ["--quiet", target]).status !== 0)
      for (const each of flags) must("mount", ...each, target);
    mounted.push(target);
  };
  const chroot: Chroot = {
    root,
    run: (...command) => must("chroot", root, ...command),
    bind: (folder) => mount(folder, ["--bind", folder]),
    wrap(file, command, env = {}) {
      const variables = Object.entries({ HOME: "/root", ...env }).map(([key, value]) =>
        quote(`${key}=${value}`),
      );
      const inside = quote('cd "$0" 2>/dev/null; exec "$@"');
      const line = `exec chroot ${quote(root)} env ${variables.join(" ")} sh -c ${inside} "$PWD" ${command.map(quote).join(" ")} "$@"`;
      writeFileSync(file, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    },
    unmount() {
      for (const target of mounted.splice(0).reverse()) must("umount", "--recursive", "--lazy", target);
      stopEmulation();
    },
  };
  try {
    if (!existsSync(root)) makeRoot(root, options);
    // Debootstrap writes none, and without it there is no localhost.
    copyFileSync("/etc/hosts", join(root, "etc/hosts"));
    for (const { path, flags } of FILE_SYSTEMS) mount(path, ...flags);
    install(chroot, packages, say);
  } catch (error) {
    chroot.unmount();
    throw error;
  }
  return chroot;
}

function makeRoot(root: string, { suite, architecture, say }: ChrootOptions): void {
  const kind = architecture ? `${suite} for ${architecture}` : suite;
  say(`Making a chroot of Debian ${kind} in ${root} (once, about a minute; longer if it is emulated).`);
  // A name of its own until it is complete: an interrupted attempt is not taken for a chroot.
  const unfinished = `${root}.part`;
  for (const path of ["proc", "sys"]) spawnSync("umount", ["--lazy", join(unfinished, path)]);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const flags = ["--variant=minbase", ...(architecture ? [`--arch=${architecture}`] : [])];
  must("debootstrap", ...flags, suite, unfinished, MIRROR);
  cpSync("/etc/apt/apt.conf.d", join(unfinished, "etc/apt/apt.conf.d"), { recursive: true });
  copyFileSync("/etc/resolv.conf", join(unfinished, "etc/resolv.conf"));
  rmSync(join(unfinished, "etc/mtab"), { force: true });
  symlinkSync("../proc/self/mounts", join(unfinished, "etc/mtab"));
  renameSync(unfinished, root);
}

function install({ run }: Chroot, packages: readonly string[], say: (line: string) => void): void {
  const isInstalled = (name: string) =>
    /^Status: install ok installed$/m.test(tryRun(run, "dpkg", "--status", name));
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  say(`Installing ${missing.join(", ")} in it (once).`);
  const apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet"] as const;
  // Mirrors of sid fall behind, and clocks run ahead.
  run(...apt, "--option", "Acquire::Check-Valid-Until=false", "update");
  run(...apt, "install", "--no-install-recommends", ...missing);
}

function tryRun(run: Chroot["run"], ...command: [string, ...string[]]): string {
  try {
    return run(...command);
  } catch {
    return "";
  }
}

function must(program: string, ...parameters: string[]): string {
  const { error, status, stdout, stderr } = spawnSync(program, parameters, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw new Error(`${program} could not be started. Install it. (${error.message})`);
  if (status === 0) return stdout;
  const end = `${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n");
  throw new Error(`${[program, ...parameters].join(" ")} failed with ${status}:\n${end}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
