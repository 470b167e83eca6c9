/** `npm start` builds the pages first, where what they are made of is newer than they are. */
import { execFileSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const built = ["dist/web/index.html", "dist/web/player.js"];
const made = globSync(["web/**/*", "src/shared/*.ts", "package-lock.json"], { cwd: root });

const changed = (path: string) => statSync(`${root}${path}`).mtimeMs;
const isBuilt = built.every((path) => existsSync(`${root}${path}`));
const oldest = isBuilt ? Math.min(...built.map(changed)) : 0;
if (made.some((path) => changed(path) > oldest))
  execFileSync("npm", ["run", "--silent", "build:web"], { cwd: root, stdio: "inherit" });
