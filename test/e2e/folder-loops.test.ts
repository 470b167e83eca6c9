import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Recording } from "../helpers/folder-recording.ts";
import { type LoopOptions, type LoopProcessOptions, numberIn, testPictures } from "../helpers/loop-writer.ts";

describe("a render loop in another process that never pauses is shown without a torn picture", () => {
  const ways: [string, Omit<LoopOptions, "folder">][] = [
    ["plain", {}],
    ["with brief flags", { flags: "brief" }],
    ["in chunks", { chunks: 20 }],
    ["in place", { way: "in-place", chunks: 20 }],
    ["in place, with brief flags", { way: "in-place", chunks: 5, flags: "brief" }],
    ["by renaming", { way: "rename" }],
  ];

  test.each(ways)("%s", async (_, options) => {
    const pictures = await testPictures(100);
    const [folder, stored] = ["folder", "pictures"].map((name) => {
      const path = mkdtempSync(join(tmpdir(), `rendercast-${name}-`));
      onTestFinished(() => rmSync(path, { recursive: true }));
      return path;
    }) as [string, string];
    for (const data of pictures) writeFileSync(join(stored, String(numberIn(data)).padStart(4, "0")), data);
    const seen = await new Recording({ folder, clock: systemClock, stallAfter: 600_000 }).start();
    const orders: LoopProcessOptions = { folder, pictures: stored, ...options };
    const child = fork(join(import.meta.dirname, "../helpers/loop-writer.ts"), [JSON.stringify(orders)], {
      execArgv: [],
    });
    onTestFinished(() => void child.kill());
    await seen.until(() => seen.kinds.includes("ended") && seen.numbers.at(-1) === pictures.length);

    const { numbers } = seen;
    // A fast loop may overwrite a picture before it is read; none comes twice or out of order.
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    for (const frame of seen.frames)
      expect(frame.data.equals(pictures[numberIn(frame.data) - 1] as Buffer)).toBe(true);
    expect(seen.source.counters()).toMatchObject({
      taken: numbers.length,
      oversized: 0,
      unreadable: 0,
      not_jpeg: 0,
    });
    expect(seen.kinds.filter((kind) => kind === "ended")).toHaveLength(1);
  });
});
