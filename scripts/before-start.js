/**
 * `npm start` runs this first. Without the development packages, the Node that started npm runs it, which may be too old
 * for TypeScript: so this is JavaScript, and says in words what is missing.
 */
import { existsSync } from "node:fs";

const missing = ["node", "vite"].filter(
  (name) => !existsSync(new URL(`../node_modules/${name}/package.json`, import.meta.url)),
);

if (missing.length === 0) await import("./build-web.ts");
else {
  console.error(
    `rendercast: npm start needs the development packages, and ${missing.join(" and ")} are not installed. Run npm install without --omit=dev. To install a server without them, see "As a service" in docs/operate.md.`,
  );
  process.exitCode = 1;
}
