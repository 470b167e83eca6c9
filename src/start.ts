#!/usr/bin/env node
/**
 * The entry point. It checks the version of Node before it loads anything else: with an older Node the server would
 * start, and fail at the first viewer.
 */
import { nativePartMissing, nodeTooOld } from "./base/package.ts";

const tooOld = nodeTooOld();
if (tooOld !== undefined) refuse(tooOld);
else if (process.argv[2] === "healthcheck") {
  // Without the server's modules it is fast enough to run every few seconds.
  const { isHealthy } = await import("./doctor/healthcheck.ts");
  process.exitCode = (await isHealthy(process.argv.slice(3), process.env, console.log)) ? 0 : 1;
} else {
  await import("./main.ts").catch((error) => refuse(nativePartMissing(error) ?? error));
}

function refuse(why: unknown): void {
  if (typeof why !== "string") throw why;
  console.error(why);
  process.exitCode = 2;
}
