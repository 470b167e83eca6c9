/** Where the package's files are: the same from source and compiled. */
import { readFileSync } from "node:fs";

/** Whether this runs compiled, from an installed package. */
export const isBuilt = import.meta.url.includes("/dist/server/");

/** The folder that holds package.json, as a URL ending in a slash. */
export const packageRoot = new URL(isBuilt ? "../../" : "../", import.meta.url);

/** The built page. */
export const pageFolder = new URL("dist/web/", packageRoot);

export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL("package.json", packageRoot), "utf8")).version;
}
