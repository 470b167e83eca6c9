/**
 * Part of `npm run check`: every promise of docs/security.md names a test that holds it, and that test exists.
 *
 * A promise is a list item or table row below a heading that begins with "Promised". It names its tests as
 * `test/e2e/name.test.ts`: "title", where several titles may follow one file.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = "docs/security.md";

const NAMED = /`(test\/[^`]+)`:((?:\s*"[^"]+",?)+)/g;

const { promises, stray } = promisesOf(readFileSync(`${ROOT}${PAGE}`, "utf8"));
const problems = [...stray, ...promises.flatMap(problemsOf)];
for (const problem of problems) console.error(`${PAGE}: ${problem}`);
if (problems.length > 0 || promises.length === 0) {
  console.error(`${problems.length} problems in ${promises.length} promises: name a test for each promise.`);
  process.exitCode = 1;
}

/** List items and table rows below the headings of promises, and prose there that is none. */
function promisesOf(page: string): { readonly promises: string[]; readonly stray: string[] } {
  const promises: string[] = [];
  const stray: string[] = [];
  for (const section of page.split(/^(?=#{2,3} )/m).filter((text) => /^#{2,3} Promised/.test(text))) {
    const [, ...blocks] = section.split(/\n{2,}/);
    for (const block of blocks.filter((text) => text.trim() !== "")) {
      if (!block.startsWith("- ")) stray.push(`this is not a promise with a test: ${block.slice(0, 80)}`);
      else promises.push(...block.split(/\n(?=- )/));
    }
  }
  return { promises, stray };
}

function problemsOf(promise: string): string[] {
  const text = promise.replace(/\s+/g, " ");
  const named = [...text.matchAll(NAMED)];
  if (named.length === 0) return [`no test holds: ${text.slice(0, 100)}`];
  return named.flatMap(([, path = "", titles = ""]) => {
    if (!existsSync(`${ROOT}${path}`)) return [`${path} does not exist`];
    const source = readFileSync(`${ROOT}${path}`, "utf8");
    return [...titles.matchAll(/"([^"]+)"/g)].flatMap(([, title = ""]) =>
      hasTest(source, title) ? [] : [`${path} has no test "${title}"`],
    );
  });
}

/** Whether a test, or a group of tests, has this title. */
function hasTest(source: string, title: string): boolean {
  const escaped = title.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "\\s+");
  return new RegExp(`\\(\\s*["'\`]${escaped}["'\`]\\s*,|def ${escaped}\\(`).test(source);
}
