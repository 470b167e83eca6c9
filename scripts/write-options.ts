/** Writes docs/options.md and src/api/options.ts from the table of options. A unit test checks that they are up to date. */
import { writeFileSync } from "node:fs";
import { optionsPage } from "../src/config/help.ts";
import { programOptions } from "../src/config/program-options.ts";

writeFileSync(new URL("../docs/options.md", import.meta.url), optionsPage());
writeFileSync(new URL("../src/api/options.ts", import.meta.url), programOptions());
