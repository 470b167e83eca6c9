/** Part of `npm run check`: rooms import only what they may, and every export has a docstring. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { ROOMS } from "./rooms.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Files that join the rooms, and may import any. */
const LOOSE = ["src/index.ts", "src/main.ts", "src/start.ts", "src/rendercast.ts"];

const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g;
const EXPORT =
  /^export (?:declare )?(?:async |abstract )?(?:function\*?|class|const|interface|type|enum) (\w+)/;

const files = globSync(["src/**/*.ts", "web/**/*.ts"], { cwd: root }).map((path) =>
  path.replaceAll("\\", "/"),
);
const problems = files.flatMap((path) => {
  const text = readFileSync(join(root, path), "utf8");
  return [...forbiddenImports(path, text), ...missingDocstrings(path, text), ...looseFile(path)];
});
problems.push(...differencesInDocs());

for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error(`${problems.length} problems: scripts/rooms.ts has the rules.`);
  process.exitCode = 1;
}

function roomOf(path: string): string | undefined {
  const [top, room, ...rest] = path.split("/");
  return top === "web" ? "web" : rest.length > 0 ? room : undefined;
}

function looseFile(path: string): string[] {
  if (roomOf(path) !== undefined || LOOSE.includes(path)) return [];
  return [`${path}: move it into a room; src/ itself holds only ${LOOSE.join(", ")}.`];
}

function forbiddenImports(path: string, text: string): string[] {
  const room = roomOf(path);
  if (room === undefined) return [];
  const rules = ROOMS[room];
  if (!rules) return [`${path}: scripts/rooms.ts does not know the room ${room}.`];
  return [...text.matchAll(IMPORT)].flatMap(([, specifier = ""]) => {
    const target = normalize(join(dirname(path), specifier));
    const other = roomOf(target);
    if (!/^(src|web)\//.test(target) || other === room) return [];
    return other !== undefined && rules.mayImport.includes(other)
      ? []
      : [
          `${path} imports ${target}, and ${room} may import only ${rules.mayImport.join(", ") || "nothing"}.`,
        ];
  });
}

function missingDocstrings(path: string, text: string): string[] {
  const lines = text.split("\n");
  return lines.flatMap((line, at) => {
    const name = EXPORT.exec(line)?.[1];
    const before = lines.slice(0, at).findLast((one) => !/^\s*(\/\/ biome-ignore|@)/.test(one)) ?? "";
    return name === undefined || before.trimEnd().endsWith("*/")
      ? []
      : [`${path}:${at + 1}: ${name} has no docstring.`];
  });
}

/** The table of rooms in the documentation says the same. */
function differencesInDocs(): string[] {
  const page = readFileSync(join(root, "docs/architecture.md"), "utf8");
  return Object.entries(ROOMS).flatMap(([room, { purpose, mayImport }]) => {
    const row = `| ${room} | ${purpose} | ${mayImport.join(", ") || "–"} |`;
    return page.includes(row) ? [] : [`docs/architecture.md lacks the row: ${row}`];
  });
}
