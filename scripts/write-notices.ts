/**
 * Part of `npm run build`: writes dist/licenses.md, the notices of the packages whose code the bundles contain, and the
 * same for browsers into dist/web. It fails if a license is not among those that this project can pass on.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { noticesOf, type Package } from "./notices.ts";

const dist = (path: string) => fileURLToPath(new URL(`../dist/${path}`, import.meta.url));

const WEB = ["web/pages-licenses.json", "web/player-licenses.json"];
const SERVER = ["server/licenses.json"];

const read = (paths: readonly string[]) =>
  paths.flatMap((path): Package[] => JSON.parse(readFileSync(dist(path), "utf8")));

writeFileSync(dist("web/licenses.md"), noticesOf(read(WEB)));
writeFileSync(dist("licenses.md"), noticesOf(read([...SERVER, ...WEB])));
for (const path of [...SERVER, ...WEB]) rmSync(dist(path));
