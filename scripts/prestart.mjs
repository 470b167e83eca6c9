/**
 * `npm start` runs this first: it checks that the development packages are there, then builds the pages if their sources
 * are newer. Plain JavaScript, because without those packages an older Node may run it.
 */
import { existsSync } from "node:fs";

const NEEDED = ["vite", "werift", "node-av"];

const missing = NEEDED.filter(
  (name) => !existsSync(new URL(`../node_modules/${name}/package.json`, import.meta.url)),
);
if (missing.length > 0) {
  console.error(
    `rendercast: A clone needs its development packages, and ${missing.join(", ")} cannot be found: run \`npm install\` without --omit=dev. To install only the server, use \`npm pack\` and install the file.`,
  );
  process.exit(1);
}
await import("./build-web.ts");
