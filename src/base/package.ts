/** Where the package's files are: the same from source and compiled. */
import { readFileSync } from "node:fs";

/** Whether this runs compiled, from an installed package. */
export const isBuilt = import.meta.url.includes("/dist/server/");

/** The folder that holds package.json, as a URL ending in a slash. */
export const packageRoot = new URL(isBuilt ? "../../../" : "../../", import.meta.url);

/** The built page. */
export const pageFolder = new URL("dist/web/", packageRoot);

export function packageVersion(): string {
  return packageJson().version;
}

/** The oldest version of Node that it runs on, such as `22.20`. */
export function oldestNode(): string {
  return packageJson().engines.node.replace(">=", "");
}

/** Whether a version comes before another, of which parts may be left out. */
export function isOlder(version: string, oldest: string): boolean {
  const [ours, needed] = [version, oldest].map((text) => text.split(".").map(Number)) as [number[], number[]];
  const at = needed.findIndex((part, n) => part !== (ours[n] ?? 0));
  return at >= 0 && (ours[at] ?? 0) < (needed[at] ?? 0);
}

function packageJson(): { readonly version: string; readonly engines: { readonly node: string } } {
  return JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8"));
}
