import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, matchesGlob, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { isPageStale, PAGE_SOURCES } from "../../../scripts/page-sources.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** The files that a file imports, from the project's root. */
function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"?]+)/g)].map(([, target = ""]) =>
    normalize(join(dirname(path), target)),
  );
}

test("the page's sources include all that the page imports, directly or not", () => {
  const queue = globSync("web/**/*.ts", { cwd: ROOT });
  const seen = new Set(queue);
  for (const path of queue) {
    for (const target of importsOf(path).filter((one) => !seen.has(one))) {
      seen.add(target);
      if (target.endsWith(".ts")) queue.push(target);
    }
  }
  expect(seen.size).toBeGreaterThan(80);
  expect([...seen].filter((path) => !PAGE_SOURCES.some((glob) => matchesGlob(path, glob)))).toEqual([]);
});

test("the page is stale if it is not built, or if the ladder of renditions is newer", () => {
  const root = mkdtempSync(join(tmpdir(), "rendercast-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const made = statSync(root).mtimeMs / 1000;
  // Folders count too, because a deleted file changes its folder; these are new.
  const write = (path: string, hours: number) => {
    const seconds = made + hours * 3600;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), "");
    utimesSync(join(root, path), seconds, seconds);
  };
  write("web/watch/page.ts", 0);
  write("src/shared/ladder.ts", 0);
  expect(isPageStale(root)).toBe(true);
  write("dist/web/index.html", 1);
  write("dist/web/player.js", 1);
  expect(isPageStale(root)).toBe(false);
  write("src/shared/ladder.ts", 2);
  expect(isPageStale(root)).toBe(true);
});
