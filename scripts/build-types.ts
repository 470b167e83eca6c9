/** Part of `npm run build`: writes the type declarations of what the package exports, and of nothing else. */
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "dist/types");
const EXPORTED = ["src/index.d.ts", "web/player/define.d.ts"];
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)\.ts"/g;

rmSync(folder, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.types.json"], {
  cwd: root,
  stdio: "inherit",
});

// tsc writes the declarations of all files that it reads. Only those that the exported types mention can be imported.
const used = new Set<string>();
const follow = (path: string) => {
  if (used.has(path)) return;
  used.add(path);
  for (const [, name = ""] of readFileSync(path, "utf8").matchAll(IMPORT))
    follow(join(dirname(path), `${name}.d.ts`));
};
for (const path of EXPORTED) follow(join(folder, path));
for (const path of globSync("**/*.d.ts", { cwd: folder }).map((name) => join(folder, name)))
  if (!used.has(path)) rmSync(path);
for (const path of globSync("**/", { cwd: folder }).map((name) => join(folder, name)))
  if (globSync("**/*.d.ts", { cwd: path }).length === 0) rmSync(path, { recursive: true, force: true });
