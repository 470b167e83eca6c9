/** Where the package's files are: the same from source and compiled. */
import { readFileSync } from "node:fs";

/** The folder that holds package.json, as a URL ending in a slash. */
const root = new URL(import.meta.url.includes("/dist/server/") ? "../../" : "../", import.meta.url);

/** The built page. */
export const pageFolder = new URL("dist/web/", root);

export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL("package.json", root), "utf8")).version;
}
