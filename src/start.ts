#!/usr/bin/env node
/**
 * The entry point. It checks the version of Node before it loads anything else: with an older
 * Node the server would start, and fail at the first viewer.
 */
import { isOlder, oldestNode } from "./base/package.ts";

if (isOlder(process.versions.node, oldestNode())) {
  console.error(
    `rendercast needs Node ${oldestNode()} or newer, and this is ${process.versions.node}. Install a newer Node from https://nodejs.org.`,
  );
  process.exitCode = 2;
} else if (process.argv[2] === "healthcheck") {
  // Without the server's modules it is fast enough to run every few seconds.
  const { isHealthy } = await import("./doctor/healthcheck.ts");
  process.exitCode = (await isHealthy(process.argv.slice(3), process.env, console.log)) ? 0 : 1;
} else {
  await import("./main.ts");
}
