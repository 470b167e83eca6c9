#!/usr/bin/env node
/**
 * The entry point of the installed package. It checks the version of Node before it loads anything else: with an older
 * Node the server would start, and fail at the first viewer.
 */
import { nodeTooOld } from "./base/package.ts";

const tooOld = nodeTooOld();
if (tooOld === undefined) {
  await import("./main.ts");
} else {
  console.error(tooOld);
  process.exitCode = 2;
}
