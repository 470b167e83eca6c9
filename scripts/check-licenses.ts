/**
 * Part of `npm run check`: every file has a license, in an SPDX line of its own or by REUSE.toml, whose text is in
 * LICENSES; package.json names all of them. What runs inside Blender says so itself, as it is copied out of this tree.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, "utf8");

// Written in two parts: this line is no license of this file.
const SPDX_LINE = new RegExp(`^\\W*SPDX-License-${"Identifier"}: (\\S+)`, "m");
/** Lines in which a header is looked for. */
const HEADER_LINES = 5;

const rules = rulesOf(read("REUSE.toml"));
const files = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" })
  .split("\0")
  .filter(Boolean);
const texts = readdirSync(`${root}LICENSES`).map((name) => name.replace(/\.txt$/, ""));
const problems: string[] = [];
const used = new Set<string>();

for (const path of files) {
  const own = headerOf(path);
  const ruled = rules.findLast(({ paths }) => paths.some((folder) => path.startsWith(folder)))?.license;
  const license = own ?? ruled;
  if (license === undefined) problems.push(`${path} has no license: add it to REUSE.toml.`);
  else used.add(license);
  if (own !== undefined && ruled?.startsWith("GPL") && own !== ruled)
    problems.push(`${path} says ${own}, but its folder is ${ruled}: correct one of them.`);
  if (path.endsWith(".py") && /^\s*(import|from) bpy\b/m.test(read(path)) && !license?.startsWith("GPL"))
    problems.push(`${path} imports bpy, which is under the GPL: license it as blender/ is.`);
  if (own === undefined && ruled?.startsWith("GPL") && path.endsWith(".py"))
    problems.push(`${path} runs inside Blender: begin it with "# SPDX-License-${"Identifier"}: ${ruled}".`);
}
for (const license of used)
  if (!texts.includes(license)) problems.push(`LICENSES lacks the text of ${license}.`);
for (const license of texts)
  if (!used.has(license)) problems.push(`No file is licensed ${license}: remove its text.`);

const expression = [...used].sort((a, b) => b.localeCompare(a)).join(" AND ");
if (JSON.parse(read("package.json")).license !== expression)
  problems.push(`package.json must be licensed ${expression}.`);
if (read("blender/LICENSE") !== read("LICENSES/GPL-3.0-or-later.txt"))
  problems.push("blender/LICENSE differs from LICENSES/GPL-3.0-or-later.txt.");
if (!read("LICENSE").startsWith(read("LICENSES/MIT.txt").trimEnd()))
  problems.push("LICENSE must begin with the text of LICENSES/MIT.txt.");

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/** The annotations of REUSE.toml: their paths are folders, each with "**" at its end. */
function rulesOf(
  text: string,
): { readonly paths: readonly string[]; readonly license: string | undefined }[] {
  const [, ...blocks] = text.split("[[annotations]]");
  return blocks.map((block) => ({
    paths: [...(/^path = (.*)$/m.exec(block)?.[1] ?? "").matchAll(/"([^"*]*)\*\*"/g)].map(
      ([, folder = ""]) => folder,
    ),
    license: new RegExp(`^SPDX-License-${"Identifier"} = "([^"]+)"$`, "m").exec(block)?.[1],
  }));
}

function headerOf(path: string): string | undefined {
  const head = read(path).split("\n", HEADER_LINES).join("\n");
  return SPDX_LINE.exec(head)?.[1];
}
