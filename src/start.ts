#!/usr/bin/env node
/**
 * The entry point of the installed package. It checks the version of Node before it loads anything else: with an older
 * Node the server would start, and fail at the first viewer.
 */
import { isOlder, oldestNode } from "./base/package.ts";

if (isOlder(process.versions.node, oldestNode())) {
  console.error(
    `rendercast needs Node ${oldestNode()} or newer, and this is ${process.versions.node}. Install a newer Node from https://nodejs.org.`,
  );
  process.exitCode = 2;
} else {
  await import("./main.ts");
}
