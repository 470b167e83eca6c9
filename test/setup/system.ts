/** This machine, as the plan for the end-to-end suites looks at it. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter } from "node:path";
import type { Machine } from "./plan.ts";

export const system: Machine = {
  env: process.env,
  folders: (process.env.PATH ?? "").split(delimiter).filter(Boolean),
  isProgram(path) {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  },
};
