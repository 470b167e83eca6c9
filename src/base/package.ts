/** The files and metadata of this package, for source and compiled code alike. */
import { readFileSync } from "node:fs";

/** Whether this is compiled code in an installed package. */
export const isBuilt = import.meta.url.includes("/dist/server/");

/** The folder of package.json, as a URL that ends in a slash. The compiled code has no folders of its own. */
export const packageRoot = new URL("../../", import.meta.url);

/** The folder of the built web pages. */
export const pageFolder = new URL("dist/web/", packageRoot);

/** The version in package.json. */
export function packageVersion(): string {
  return packageJson().version;
}

/** The oldest supported version of Node, such as `22.20`. */
export function oldestNode(): string {
  return packageJson().engines.node.replace(">=", "");
}

/** What to do if this Node is too old, as a sentence; undefined if it is not. */
export function nodeTooOld(): string | undefined {
  const { node } = process.versions;
  if (!isOlder(node, oldestNode())) return undefined;
  return `rendercast needs Node ${oldestNode()} or newer, and this is ${node}. Install a newer Node from https://nodejs.org.`;
}

/** The packages with native code that npm installs as optional ones, as their errors name them. */
const NATIVE = /^Could not load the (node-av|"sharp")/;

/** What to do if a native part is missing, as a sentence; undefined for other errors. */
export function nativePartMissing(error: unknown): string | undefined {
  const [, name] = NATIVE.exec(error instanceof Error ? error.message : "") ?? [];
  if (name === undefined) return undefined;
  const { platform, arch } = process;
  return `rendercast needs the native part of ${name.replaceAll('"', "")} for ${platform}-${arch}, which is not installed. Install again without --omit=optional; there is one for Linux with glibc, macOS and Windows, on x64 and arm64.`;
}

/** Whether a version is older than another. `oldest` may have fewer parts: 22.20.1 is not older than 22.20. */
export function isOlder(version: string, oldest: string): boolean {
  const [ours, needed] = [version, oldest].map((text) => text.split(".").map(Number)) as [number[], number[]];
  const at = needed.findIndex((part, n) => part !== (ours[n] ?? 0));
  return at >= 0 && (ours[at] ?? 0) < (needed[at] ?? 0);
}

function packageJson(): { readonly version: string; readonly engines: { readonly node: string } } {
  return JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8"));
}
