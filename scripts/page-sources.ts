/** What the built pages are made of, and whether they are older than that. */
import { existsSync, globSync, statSync } from "node:fs";
import { join } from "node:path";

/** Globs from the project's root. `web` may import `src/shared` and nothing else of `src`: scripts/rooms.ts. */
export const PAGE_SOURCES = ["web/**/*", "src/shared/**/*", "package-lock.json"];

const BUILT = ["dist/web/index.html", "dist/web/player.js"];

/**
 * Whether the pages must be built.
 * @param root the project's folder.
 */
export function isPageStale(root: string): boolean {
  const paths = BUILT.map((path) => join(root, path));
  if (!paths.every((path) => existsSync(path))) return true;
  const builtAt = Math.min(...paths.map(modifiedAt));
  return globSync(PAGE_SOURCES, { cwd: root }).some((path) => modifiedAt(join(root, path)) > builtAt);
}

function modifiedAt(path: string): number {
  return statSync(path).mtimeMs;
}
