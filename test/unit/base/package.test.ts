import { expect, test } from "vitest";
import { isOlder, oldestNode } from "../../../src/base/package.ts";

test.each([
  ["20.20.2", true],
  ["22.19.9", true],
  ["22.20.0", false],
  ["22.21.1", false],
  ["24.0.0", false],
])("Node %s is older than 22.20: %s", (version, older) => {
  expect(isOlder(version, "22.20")).toBe(older);
});

test("this Node is as new as package.json requires", () => {
  expect(oldestNode()).toMatch(/^\d+(\.\d+)*$/);
  expect(isOlder(process.versions.node, oldestNode())).toBe(false);
});
