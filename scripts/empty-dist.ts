/** Removes what earlier builds left in `dist/`, so that a package contains nothing stale: `npm run build` runs it first. */
import { rmSync } from "node:fs";

rmSync(new URL("../dist/", import.meta.url), { recursive: true, force: true });
