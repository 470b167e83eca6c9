import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkSendBuffer } from "../../../src/doctor/send-buffer.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "send-buffer-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function checkWith(setting: string) {
  const file = join(folder, "wmem_max");
  await writeFile(file, setting);
  return checkSendBuffer(file);
}

test("a send buffer of the usual size is noted, with the setting to change", async () => {
  const [[name, finding] = []] = await checkWith("212992\n");
  expect(name).toBe("UDP buffer");
  expect(finding).toEqual({
    state: "note",
    text: "holds 208 KiB, less than a keyframe for many viewers: set net.core.wmem_max=4194304 (sysctl)",
  });
});

test.each(["4194304\n", "33554432\n", "no number"])("nothing is said of %j", async (setting) => {
  expect(await checkWith(setting)).toEqual([]);
});

test("nothing is said where the system has no such setting", async () => {
  expect(await checkSendBuffer(join(folder, "none"))).toEqual([]);
});
