#!/usr/bin/env node
/**
 * The entry point of the installed package. It checks the version of Node before it loads anything else: with an older
 * Node the server would start, and fail at the first viewer.
 */
import { nativePartMissing, nodeTooOld } from "./base/package.ts";

const tooOld = nodeTooOld();
if (tooOld === undefined) {
  await import("./main.ts").catch((error) => refuse(nativePartMissing(error) ?? error));
} else {
  refuse(tooOld);
}

function refuse(why: unknown): void {
  if (typeof why !== "string") throw why;
  console.error(why);
  process.exitCode = 2;
}
