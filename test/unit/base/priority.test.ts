import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { lowerPriority } from "../../../src/base/priority.ts";

test("a process whose priority cannot be lowered is no error", () => {
  const { pid } = spawnSync("true");
  expect(() => lowerPriority(pid)).not.toThrow();
});
