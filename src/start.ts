#!/usr/bin/env node
/**
 * What the installed package's `rendercast` runs: a Node that is too old for it would start, and fail at the first viewer.
 * Nothing else is loaded before that is known.
 */
import { isOlder, oldestNode } from "./base/package.ts";

if (isOlder(process.versions.node, oldestNode())) {
  console.error(
    `rendercast: it needs Node ${oldestNode()} or newer, and this is ${process.versions.node}: install one from https://nodejs.org.`,
  );
  process.exitCode = 2;
} else {
  await import("./main.ts");
}
