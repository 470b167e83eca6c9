import { mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { DataFile } from "../../../src/source/folder/data.ts";
import { blockingDisk, type Disk, pooledDisk } from "../../../src/source/folder/disk.ts";
import { eventsDelivered } from "../../../src/source/folder/picture.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { Recording } from "../../helpers/folder-recording.ts";
import { LoopWriter, NAMES, testPictures } from "../../helpers/loop-writer.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rendercast-data-"));
  path = join(folder, NAMES.data);
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

/** Writes the file as if at that second. */
function put(content: string | Buffer, second: number): void {
  writeFileSync(path, content);
  utimesSync(path, second, second);
}

const at = (second: number) => BigInt(second) * 1_000_000_000n;

function dataFile(disk: Disk = blockingDisk) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const events = { pictureEvents: 0, disk };
  const file = new DataFile({ path, clock, log: (line) => lines.push(line), events });
  /** The lines of a fault that lasts. */
  const reminded = () => {
    file.remind();
    clock.pass(1000);
    file.remind();
    return lines;
  };
  return { file, events, reminded };
}

describe.each([
  ["blocking", blockingDisk],
  ["pooled", pooledDisk],
])("the data file, read by %s access,", (_, disk) => {
  test("belongs to the next picture, and to that one only", async () => {
    const { file } = dataFile(disk);
    put('{"angle": 1}', 10);
    expect(await file.of(at(11))).toBe('{"angle": 1}');
    expect(await file.of(at(12))).toBeUndefined();
    put('{"angle": 1}', 13);
    expect(await file.of(at(14))).toBe('{"angle": 1}');
    expect(file.counters()).toEqual({ data_taken: 2, data_refused: 0 });
  });

  test("of the picture after this one waits for that picture", async () => {
    const { file } = dataFile(disk);
    put('{"angle": 1}', 10);
    file.changed();
    await file.read();
    put('{"angle": 2}', 12);
    file.changed();
    expect(await file.of(at(11))).toBe('{"angle": 1}');
    expect(await file.of(at(13))).toBe('{"angle": 2}');
  });

  test("is that of the newest picture if the server skipped some", async () => {
    const { file } = dataFile(disk);
    for (const second of [10, 12, 14, 16, 18, 20]) {
      put(`{"at": ${second}}`, second);
      await file.read();
    }
    expect(await file.of(at(17))).toBe('{"at": 16}');
    expect(await file.of(at(21))).toBe('{"at": 20}');
  });
});

test("data of the same tick as the picture belongs to it if the events say so", async () => {
  const { file, events } = dataFile();
  put('{"angle": 1}', 10);
  file.changed();
  await file.read();
  events.pictureEvents = 3;
  expect(await file.of(at(10))).toBe('{"angle": 1}');
  put('{"angle": 2}', 10);
  file.changed();
  await file.read();
  expect(await file.of(at(10))).toBeUndefined();
  events.pictureEvents = 6;
  expect(await file.of(at(10))).toBe('{"angle": 2}');
});

test("several events of one write make one version", async () => {
  const { file, events } = dataFile();
  put('{"angle": 1}', 10);
  file.changed();
  await file.read();
  events.pictureEvents = 1;
  expect(await file.of(at(11))).toBe('{"angle": 1}');
  file.changed();
  await file.read();
  expect(await file.of(at(12))).toBeUndefined();
});

describe("a data file that cannot be sent", () => {
  test.each<[string, string | Buffer, string]>([
    ["that is torn", '{"angle": 31', "as its text is not valid JSON: send an object"],
    ["that is empty", "", "as its text is not valid JSON: send an object"],
    ["with NaN", '{"angle": NaN}', "which has no NaN and no Infinity: send null instead."],
    ["with an array", "[1]", "as its text must be a JSON object"],
    ["not in UTF-8", Buffer.from('{"a": "é"}', "latin1"), "as its text is not UTF-8: send JSON in UTF-8."],
    [
      "that is too large",
      `{"a": "${"x".repeat(16_400)}"}`,
      "as it has 16409 bytes: have the loop write at most 16384.",
    ],
  ])("is logged if it stays so, and does not hold up the picture: one %s", async (_, content, says) => {
    const { file, reminded } = dataFile();
    put(content, 10);
    expect(await file.of(at(11))).toBeUndefined();
    expect(reminded()).toEqual([expect.stringContaining(says)]);
    expect(reminded()[0]).toMatch(/^The data in .*img_data\.json is not sent, as .*\.$/);
    expect(file.counters()).toEqual({ data_taken: 0, data_refused: 1 });
  });

  test("is a folder", async () => {
    const { file, reminded } = dataFile();
    mkdirSync(path);
    expect(await file.of(at(11))).toBeUndefined();
    expect(reminded()).toEqual([expect.stringContaining("as it cannot be read: it is a folder.")]);
  });

  test("is not logged if it is whole a moment later, or gone", async () => {
    for (const heal of [() => put('{"angle": 1}', 12), () => unlinkSync(path)]) {
      const { file, reminded } = dataFile();
      put('{"ang', 10);
      await file.read();
      file.remind();
      heal();
      await file.read();
      expect(reminded()).toEqual([]);
    }
  });
});

describe("a loop that writes data before each picture", () => {
  let pictures: Buffer[];
  beforeAll(async () => {
    pictures = await testPictures(12);
  });

  const ways = ["truncate", "in-place", "rename"] as const;
  const flags = ["held", "brief", "none"] as const;
  const all = ways.flatMap((way) => flags.map((flag) => [way, flag] as const));
  test.each(all)("has each picture sent with its own: %s, flags %s", async (way, flag) => {
    const seen = await new Recording({ folder }).start();
    const loop = new LoopWriter({ folder, way, flags: flag });
    for (const [index, picture] of pictures.entries()) {
      const target = way === "rename" ? `${path}.tmp` : path;
      writeFileSync(target, `{\n  "n": ${index}\n}\n`);
      if (way === "rename") renameSync(target, path);
      loop.write(picture);
      // A tie of flag and picture is resolved by the clock.
      await seen.poll(() => seen.frames.length > index);
    }
    await seen.finish();
    expect(seen.frames.map(({ telemetry }) => JSON.parse(telemetry ?? "null"))).toEqual(
      pictures.map((_, n) => ({ n })),
    );
  });

  test("may write the next data right after a picture", async () => {
    const seen = await new Recording({ folder }).start();
    const loop = new LoopWriter({ folder });
    // The first event shows that the files are on this machine, where each event is handled at once.
    loop.write(pictures[0] as Buffer);
    await seen.frame(1);
    writeFileSync(path, '{"n":1}');
    for (const [index, picture] of pictures.entries()) {
      if (index === 0) continue;
      // The data's events arrive while the picture is drawn.
      await eventsDelivered();
      await settle();
      loop.write(picture);
      writeFileSync(path, `{"n":${index + 1}}`);
      await seen.frame(index + 1);
    }
    await seen.finish();
    const expected = pictures.map((_, n) => (n === 0 ? undefined : `{"n":${n}}`));
    expect(seen.frames.map(({ telemetry }) => telemetry)).toEqual(expected);
  });

  test("has pictures without data if it stops writing them, or writes torn ones", async () => {
    const seen = await new Recording({ folder }).start();
    const loop = new LoopWriter({ folder });
    const steps = ['{"n":0}', undefined, '{"n":', '{"n":3}'];
    for (const [index, data] of steps.entries()) {
      if (data !== undefined) writeFileSync(path, data);
      loop.write(pictures[index] as Buffer);
      await seen.frame(index + 1);
    }
    await seen.finish();
    expect(seen.frames.map(({ telemetry }) => telemetry)).toEqual([
      '{"n":0}',
      undefined,
      undefined,
      '{"n":3}',
    ]);
    expect(seen.problems).not.toContain(expect.any(String));
  });
});
