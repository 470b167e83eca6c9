/** Builds the pages if their sources are newer, before `npm start`. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isPageStale } from "./page-sources.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

if (isPageStale(root)) execFileSync("npm", ["run", "--silent", "build:web"], { cwd: root, stdio: "inherit" });
