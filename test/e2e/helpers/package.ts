/** The package as its users get it: packed from this tree, and installed in empty folders. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const run = promisify(execFile);

/** A packed package, and what installs it. */
export class PackedPackage {
  /** The path of the packed file. */
  readonly file: string;
  readonly #folder: string;
  /** npm's cache, at first empty. */
  readonly cache: string;

  private constructor(folder: string, file: string) {
    this.#folder = folder;
    this.file = file;
    this.cache = join(folder, "cache");
  }

  /** Packs a copy of the tree: suites beside this one use the pages that are built here. */
  static async make(): Promise<PackedPackage> {
    const folder = await mkdtemp(join(tmpdir(), "rendercast-package-"));
    const tree = join(folder, "tree");
    const listed = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    const { stdout: files } = await run("git", listed, { cwd: ROOT, maxBuffer: 16e6 });
    for (const path of files.split("\0").filter(Boolean)) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      // A file that was removed and not yet committed is still listed.
      await cp(join(ROOT, path), join(tree, path)).catch(() => {});
    }
    await symlink(join(ROOT, "node_modules"), join(tree, "node_modules"));
    await run("npm", ["pack", "--pack-destination", folder], {
      cwd: tree,
      env: environment(process.execPath),
    });
    const name = (await readdir(folder)).find((one) => one.endsWith(".tgz")) ?? "";
    return new PackedPackage(folder, join(folder, name));
  }

  /** An empty folder, which {@link remove} deletes. */
  async emptyFolder(): Promise<string> {
    return mkdtemp(join(this.#folder, "empty-"));
  }

  /** Installs it in an empty folder, with npm's `options`. @returns the folder. */
  async install(...options: string[]): Promise<string> {
    const folder = await this.emptyFolder();
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const always = ["--no-audit", "--no-fund", "--prefer-offline", "--cache", this.cache];
    await run("npm", ["install", ...always, ...options, this.file], { cwd: folder });
    return folder;
  }

  /** A folder with the files of a clone, and no packages. */
  async clone(): Promise<string> {
    const folder = await this.emptyFolder();
    await cp(join(this.#folder, "tree"), folder, {
      recursive: true,
      filter: (path) => !path.endsWith("node_modules"),
    });
    return folder;
  }

  /** Deletes all that this object has made. */
  remove(): Promise<void> {
    return rm(this.#folder, { recursive: true, force: true });
  }
}

/**
 * Gets another Node from npm. The package `node` itself needs a script to run; those for each platform do not.
 * @returns the path of the program; this Node without a version.
 */
export async function nodeOf(version: string | undefined, { cache }: PackedPackage): Promise<string> {
  if (version === undefined) return process.execPath;
  const folder = await mkdtemp(join(dirname(cache), "node-"));
  const name = `node-${process.platform}-${process.arch}`;
  const options = ["--prefix", folder, "--cache", cache, "--no-audit", "--no-fund"];
  await run("npm", ["install", ...options, `${name}@${version}`], { cwd: folder });
  return join(folder, "node_modules", name, "bin/node");
}

/** An environment in which `node` is this program, and the options of a surrounding npm do not count. */
export function environment(node: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  return { ...Object.fromEntries(kept), PATH: `${dirname(node)}:${process.env.PATH}` };
}

/** Installed packages by name, with those in scopes. */
export async function packagesIn(folder: string): Promise<string[]> {
  const modules = join(folder, "node_modules");
  const names = (await readdir(modules)).filter((name) => !name.startsWith("."));
  const scoped = names.map(async (name) =>
    name.startsWith("@") ? (await readdir(join(modules, name))).map((one) => `${name}/${one}`) : [name],
  );
  return (await Promise.all(scoped)).flat().sort();
}
