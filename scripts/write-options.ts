/** Writes docs/options.md from the table of options. A unit test checks that the page is up to date. */
import { writeFileSync } from "node:fs";
import { optionsPage } from "../src/config/help.ts";

writeFileSync(new URL("../docs/options.md", import.meta.url), optionsPage());
