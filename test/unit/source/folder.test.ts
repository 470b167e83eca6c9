import { execFileSync } from "node:child_process";
import fs, {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type EpochMs, systemClock } from "../../../src/base/clock.ts";
import { blockingDisk, pooledDisk } from "../../../src/source/folder/disk.ts";
import { Faults } from "../../../src/source/folder/faults.ts";
import { type Flag, phaseOf, readFlag } from "../../../src/source/folder/flags.ts";
import type { FolderOptions } from "../../../src/source/folder/folder.ts";
import { Liveness } from "../../../src/source/folder/liveness.ts";
import { type FileEvents, PictureFile } from "../../../src/source/folder/picture.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { Recording } from "../../helpers/folder-recording.ts";
import { type LoopOptions, LoopWriter, NAMES, testPictures } from "../../helpers/loop-writer.ts";

describe("the phase of the picture", () => {
  const flag = (says: "0" | "1" | "empty", mtimeNs: bigint): Flag => ({ says, mtimeNs });

  test.each<[string, Flag, string]>([
    ["is resting without a flag", { says: "absent" }, "resting"],
    ["is resting if the flag says 1", flag("1", 5n), "resting"],
    [
      "is resting if the flag says 1 from before the picture: the loop never resets it",
      flag("1", 1n),
      "resting",
    ],
    ["is resting while the flag is being rewritten", flag("empty", 1n), "resting"],
    [
      "is resting if the flag says 0 from after the picture: the next one is not begun",
      flag("0", 6n),
      "resting",
    ],
    ["is writing if the flag says 0 from before the picture", flag("0", 4n), "writing"],
    ["is a tie if the flag says 0 from the same tick", flag("0", 5n), "tie"],
  ])("%s", (_, written, phase) => {
    expect(phaseOf(written, 5n)).toBe(phase);
  });
});

describe("the state of the loop", () => {
  const NONE: Flag = { says: "absent" };
  const START = 1_000_000;
  let now = START;
  let loop: Liveness;
  beforeEach(() => {
    now = START;
    loop = new Liveness(5000);
  });
  const flag = (says: "0" | "1" | "empty", at = now): Flag => ({ says, mtimeNs: BigInt(at) * 1_000_000n });
  /** The new state after a look that finds a picture written `age` ago. */
  const picture = (running: Flag, age = 0) =>
    loop.observe(now as EpochMs, running, BigInt(now - age) * 1_000_000n);
  const nothing = (running: Flag) => loop.observe(now as EpochMs, running);

  test("is waiting before the first picture, whatever the flag says", () => {
    expect(nothing(NONE)).toEqual({ kind: "waiting" });
    expect(nothing(flag("0"))).toBeUndefined();
    now += 60_000;
    expect(nothing(flag("1"))).toBeUndefined();
    expect(picture(flag("1"))).toEqual({ kind: "live", since: now, run: 1 });
  });

  test("is live while pictures come", () => {
    picture(flag("1"));
    for (let round = 0; round < 10; round++) {
      now += 4999;
      expect(nothing(flag("1", START))).toBeUndefined();
      expect(picture(flag("1", START))).toBeUndefined();
    }
  });

  test("is crashed if pictures stop and the flag still says that it runs", () => {
    picture(flag("1"));
    now += 1000;
    picture(flag("1"));
    const last = now;
    now += 4999;
    expect(nothing(flag("1"))).toBeUndefined();
    now += 1;
    expect(nothing(flag("1"))).toEqual({ kind: "crashed", since: last });
    now += 60_000;
    expect(nothing(flag("1"))).toBeUndefined();
    expect(picture(flag("1"))).toEqual({ kind: "live", since: now, run: 2 });
  });

  test("is stalled if pictures stop and there is no flag", () => {
    picture(NONE);
    now += 5000;
    expect(nothing(NONE)).toEqual({ kind: "stalled", since: START });
    expect(picture(NONE)).toEqual({ kind: "live", since: now, run: 1 });
  });

  test("is the same run again after a slow loop's next picture, and then allows more time", () => {
    const running = flag("1");
    picture(running);
    now += 8000;
    expect(nothing(running)).toMatchObject({ kind: "crashed" });
    expect(picture(running)).toEqual({ kind: "live", since: now, run: 1 });
    for (let round = 0; round < 3; round++) {
      now += 8000;
      expect(nothing(running)).toBeUndefined();
      expect(picture(running)).toBeUndefined();
    }
    now += 24_000;
    expect(nothing(running)).toMatchObject({ kind: "crashed" });
  });

  test("is ended if the flag says so, even after a crash", () => {
    picture(flag("1"));
    now += 1000;
    expect(nothing(flag("0"))).toEqual({ kind: "ended", since: now });
    now += 60_000;
    expect(nothing(flag("0", START + 1000))).toBeUndefined();
    now += 1000;
    expect(picture(flag("1"))).toEqual({ kind: "live", since: now, run: 2 });
    now += 5000;
    expect(nothing(flag("1"))).toMatchObject({ kind: "crashed" });
    expect(nothing(flag("0"))).toEqual({ kind: "ended", since: now });
  });

  test("does not change while the flag is being rewritten, except to crashed", () => {
    picture(flag("1"));
    expect(nothing(flag("empty"))).toBeUndefined();
    now += 5000;
    expect(nothing(flag("empty"))).toMatchObject({ kind: "crashed" });
  });

  test("is waiting once an ended loop starts again, until its first picture", () => {
    picture(flag("1"));
    expect(nothing(flag("0"))).toMatchObject({ kind: "ended" });
    expect(nothing(flag("empty"))).toBeUndefined();
    now += 1000;
    expect(nothing(flag("1"))).toEqual({ kind: "waiting" });
    now += 60_000;
    expect(nothing(flag("1"))).toBeUndefined();
    expect(picture(flag("1"))).toMatchObject({ kind: "live", run: 2 });
  });

  test("stays ended if the last picture is found after the flag", () => {
    picture(flag("1"));
    now += 10;
    expect(nothing(flag("0"))).toMatchObject({ kind: "ended" });
    expect(picture(flag("0", now), 2)).toBeUndefined();
  });

  test("is ended if the last picture and the flag are found together", () => {
    picture(flag("1"));
    now += 10;
    expect(picture(flag("0"))).toEqual({ kind: "ended", since: now });
  });

  test("is ended if the loop ended before the server started", () => {
    expect(picture(flag("0", START - 3000), 4000)).toEqual({ kind: "ended", since: START - 3000 });
    expect(picture(flag("1"))).toEqual({ kind: "live", since: now, run: 2 });
  });

  test("is crashed after the timeout if the loop died before the server started", () => {
    expect(picture(flag("1", START - 90_000), 60_000)).toEqual({ kind: "live", since: START, run: 1 });
    now += 5000;
    expect(nothing(flag("1", START - 90_000))).toEqual({ kind: "crashed", since: START - 60_000 });
  });

  test("ignores a stale 0 once new pictures come", () => {
    const stale = flag("0");
    now += 1000;
    expect(picture(stale)).toMatchObject({ kind: "ended" });
    now += 1000;
    expect(picture(stale)).toEqual({ kind: "live", since: now, run: 2 });
    now += 1000;
    expect(picture(stale)).toBeUndefined();
    now += 5000;
    expect(nothing(stale)).toMatchObject({ kind: "stalled" });
    expect(nothing(flag("0"))).toMatchObject({ kind: "ended" });
  });

  test("counts a run that began and ended between two looks", () => {
    picture(flag("1"));
    expect(nothing(flag("0"))).toMatchObject({ kind: "ended" });
    now += 1000;
    expect(picture(flag("0"))).toEqual({ kind: "ended", since: now });
    now += 1000;
    expect(picture(flag("1"))).toMatchObject({ kind: "live", run: 3 });
  });

  test("ignores file times in the future", () => {
    picture(flag("1"), -60_000);
    now += 5000;
    expect(nothing(flag("1"))).toEqual({ kind: "crashed", since: START });
    expect(nothing(flag("0", now + 1000))).toEqual({ kind: "ended", since: now });
  });
});

describe("faults", () => {
  let lines: string[];
  let faults: Faults;
  const at = (now: number) => now as EpochMs;
  beforeEach(() => {
    lines = [];
    faults = new Faults((line) => lines.push(line));
  });

  test("are counted once for each state of the file", () => {
    faults.note("writing", "a", at(0), "");
    faults.note("torn", "a", at(0), "");
    faults.note("writing", "a", at(1), "");
    faults.note("torn", "b", at(1), "");
    expect(faults.counts).toMatchObject({ torn: 2, writing: 1, empty: 0 });
  });

  test("are logged once if they last a second", () => {
    faults.note("torn", "a", at(0), "torn");
    faults.remind(at(999));
    expect(lines).toEqual([]);
    faults.note("torn", "b", at(999), "torn");
    faults.remind(at(1000));
    faults.remind(at(100_000));
    expect(lines).toEqual(["torn"]);
  });

  test("are reported as a problem until they are over, even if they are not logged again", () => {
    const told: (string | undefined)[] = [];
    faults = new Faults(
      () => {},
      (sentence) => told.push(sentence),
    );
    for (const start of [0, 30_000]) {
      faults.note("torn", "a", at(start), "torn");
      faults.remind(at(start + 999));
      faults.remind(at(start + 1000));
      faults.remind(at(start + 1250));
      faults.clear();
      faults.clear();
    }
    expect(told).toEqual(["torn", undefined, "torn", undefined]);
  });

  test("of the same kind are not logged again within a minute", () => {
    for (const start of [0, 30_000, 61_000]) {
      faults.note("torn", "a", at(start), `torn at ${start}`);
      faults.remind(at(start + 1000));
      faults.clear();
    }
    faults.note("empty", "a", at(63_000), "empty");
    faults.remind(at(64_000));
    expect(lines).toEqual(["torn at 0", "torn at 61000", "empty"]);
  });
});

let pictures: Buffer[];
beforeAll(async () => {
  pictures = await testPictures(30);
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rendercast-folder-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const pathOf = (name: keyof typeof NAMES) => join(folder, NAMES[name]);
const alike = (number: number) => pictures[number - 1] as Buffer;
/** Each with its own length, because pictures of one length within one tick of the disk look the same. */
const picture = (number: number) => Buffer.concat([alike(number), Buffer.alloc(number)]);

const disks = [
  ["blocking", blockingDisk],
  ["on the thread pool", pooledDisk],
] as const;

describe.each(disks)("a flag file, read %s,", (_, disk) => {
  test.each([
    ["1\n", "1"],
    [" 0 ", "0"],
    ["\r\n1\r\n", "1"],
    ["", "empty"],
    ["\n", "empty"],
    ["yes", "absent"],
    ["10", "absent"],
  ])("with %j says %s", async (text, says) => {
    writeFileSync(pathOf("written"), text);
    expect((await readFlag(pathOf("written"), disk)).says).toBe(says);
  });

  test("that is missing or no regular file counts as absent", async () => {
    mkdirSync(pathOf("written"));
    execFileSync("mkfifo", [pathOf("running")]);
    expect(await readFlag(pathOf("written"), disk)).toEqual({ says: "absent" });
    expect(await readFlag(pathOf("running"), disk)).toEqual({ says: "absent" });
    expect(await readFlag(join(folder, "none"), disk)).toEqual({ says: "absent" });
  });
});

describe.each(disks)("the picture file, read %s,", (_, disk) => {
  const SECOND = 1_700_000_000;
  const NORMAL = { again: false, into: false };

  /** Its clock is `age` after the time when {@link put} wrote. */
  function pictureFile(fileEvents: Partial<FileEvents> = {}, age = 1): PictureFile {
    const none: FileEvents = { pictureEvents: 0, lastEvent: undefined, disk };
    return new PictureFile({
      picture: pathOf("picture"),
      written: pathOf("written"),
      maxBytes: 1_000_000,
      clock: new FakeClock(SECOND * 1000 + age),
      log: () => {},
      tell: () => {},
      events: Object.defineProperties(none, Object.getOwnPropertyDescriptors(fileEvents)),
    });
  }

  /** Leaves the file with the same `stat`, as if all happened within one tick. */
  function put(path: string, content: Buffer | string, second = SECOND): void {
    writeFileSync(path, content);
    utimesSync(path, second, second);
  }

  test("is distinguished from one of the same size within one tick if it looks again", async () => {
    const file = pictureFile();
    put(pathOf("picture"), alike(1));
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken", data: alike(1) });
    expect(await file.look({ ...NORMAL, again: true })).toEqual({ kind: "nothing" });
    put(pathOf("picture"), alike(2));
    expect(await file.look(NORMAL)).toEqual({ kind: "nothing" });
    expect(await file.look({ ...NORMAL, again: true })).toMatchObject({ kind: "taken", data: alike(2) });
    expect(file.counters()).toMatchObject({ taken: 2 });
  });

  test("is a new one if it is written again with the same content", async () => {
    const file = pictureFile();
    put(pathOf("picture"), alike(1));
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
    put(pathOf("picture"), alike(1), SECOND + 1);
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
  });

  test("is not taken while its flag says 0 from before it was written", async () => {
    const file = pictureFile();
    put(pathOf("written"), "0", SECOND - 1);
    put(pathOf("picture"), alike(1));
    expect(await file.look(NORMAL)).toEqual({ kind: "nothing" });
    expect(await file.look({ ...NORMAL, into: true })).toEqual({ kind: "nothing" });
    expect(file.counters()).toMatchObject({ taken: 0, writing: 1, torn: 0 });
    put(pathOf("written"), "1", SECOND - 1);
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
  });

  test("written within the flag's tick is not taken if its event came last", async () => {
    put(pathOf("written"), "0");
    put(pathOf("picture"), alike(1));
    expect(await pictureFile({ lastEvent: "picture" }, 60_000).look(NORMAL)).toEqual({ kind: "nothing" });
    expect(await pictureFile({ lastEvent: "written" }).look(NORMAL)).toMatchObject({ kind: "taken" });
    expect(await pictureFile({ lastEvent: undefined }).look(NORMAL)).toMatchObject({ kind: "taken" });
  });

  test.each<[string, number, () => void, object]>([
    ["with the same length", 1, () => {}, { kind: "unsure", wait: 99 }],
    ["with the same length for a while", 100, () => {}, { kind: "taken" }],
    ["with another length", 1, () => put(pathOf("picture"), picture(2)), { kind: "taken" }],
    ["and in a new file", 1, () => renameSync(pathOf("picture"), join(folder, "old")), { kind: "taken" }],
  ])(
    "written within the flag's tick %s is taken only if it cannot be a mixture",
    async (_, age, change, result) => {
      const file = pictureFile({ lastEvent: "written" }, age);
      put(pathOf("written"), "0", SECOND - 1);
      put(pathOf("picture"), alike(1), SECOND - 1);
      expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
      put(pathOf("written"), "0");
      put(pathOf("picture"), alike(2));
      change();
      if (!existsSync(pathOf("picture"))) put(pathOf("picture"), alike(2));
      expect(await file.look(NORMAL)).toMatchObject(result);
    },
  );

  test("written within the flag's tick is taken if it was empty before, or has not changed", async () => {
    const file = pictureFile({ lastEvent: "written" });
    put(pathOf("written"), "0");
    put(pathOf("picture"), alike(1));
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
    put(pathOf("picture"), "");
    expect(await file.look(NORMAL)).toEqual({ kind: "nothing" });
    put(pathOf("picture"), alike(2));
    expect(await file.look({ ...NORMAL, again: true })).toMatchObject({ kind: "taken" });
    put(pathOf("written"), "0", SECOND + 1);
    put(pathOf("picture"), alike(2), SECOND + 1);
    expect(await file.look(NORMAL)).toMatchObject({ kind: "taken" });
  });

  test("is not taken if an event says that it changed during the read, even if stat is the same", async () => {
    let events = 0;
    const fileEvents = {
      get pictureEvents() {
        return events++;
      },
    };
    put(pathOf("picture"), alike(1));
    const disturbed = pictureFile(fileEvents);
    expect(await disturbed.look(NORMAL)).toEqual({ kind: "changed" });
    expect(disturbed.counters()).toMatchObject({ changed: 1, taken: 0 });
  });
});

/** Makes file watches fail, as if the system had none left. */
function refuseWatches(): void {
  const watch = vi.spyOn(fs, "watch").mockImplementation(() => {
    throw Object.assign(new Error("no watches left"), { code: "ENOSPC" });
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    watch.mockRestore();
    syncBuiltinESMExports();
  });
}

const recording = (options: Partial<FolderOptions> = {}) => new Recording({ folder, ...options });

/** Waits for longer than one look takes. */
async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await settle();
}

describe("a loop that waits until each picture is taken", () => {
  const ways: [string, Omit<LoopOptions, "folder">][] = [
    ["plain", {}],
    ["with brief flags", { flags: "brief" }],
    ["without flags", { flags: "none" }],
    ["in chunks", { chunks: 7 }],
    ["in chunks, without flags", { chunks: 7, flags: "none" }],
    ["in place", { way: "in-place", chunks: 3 }],
    ["in place, with brief flags", { way: "in-place", chunks: 3, flags: "brief" }],
    ["by renaming", { way: "rename", chunks: 2 }],
    ["by renaming, without flags", { way: "rename", flags: "none" }],
  ];

  test.each(ways)("has each picture taken exactly once: %s", { timeout: 60_000 }, async (_, options) => {
    const seen = await recording({ clock: systemClock }).start();
    const loop = new LoopWriter({ folder, ...options });
    loop.begin();
    for (let number = 1; number <= pictures.length; number++) {
      // A loop in another process leaves time for a look between its steps.
      for (const _step of loop.steps(alike(number))) await settle();
      await seen.frame(number);
    }
    loop.end();
    if (options.flags !== "none") await seen.until(() => seen.kinds.includes("ended"));
    await seen.finish();
    expect(seen.frames.map((frame) => frame.data)).toEqual(pictures);
    expect(seen.frames.map((frame) => frame.number)).toEqual(pictures.map((_, index) => index + 1));
    expect(seen.kinds).toEqual(options.flags === "none" ? ["waiting", "live"] : ["waiting", "live", "ended"]);
    expect(seen.source.counters()).toMatchObject({ taken: pictures.length });
    expect(seen.lines).toEqual([]);
  });

  test.each(ways)(
    "never has a torn picture taken if it pauses at each step: %s",
    { timeout: 60_000 },
    async (_, options) => {
      const seen = await recording({ clock: systemClock }).start();
      const loop = new LoopWriter({ folder, ...options });
      loop.begin();
      for (let number = 1; number <= 10; number++) {
        for (const _step of loop.steps(alike(number))) await turns(2);
        await seen.frame(number);
      }
      await seen.finish();
      expect(seen.frames.map((frame) => frame.data)).toEqual(pictures.slice(0, 10));
    },
  );
});

test("pictures are found by events, without polling", async () => {
  // The clock stands still, so nothing is polled.
  const seen = await recording().start();
  const loop = new LoopWriter({ folder });
  for (let number = 1; number <= 20; number++) {
    loop.write(picture(number));
    await seen.frame(number);
  }
});

test("pictures have their type, number and plausible file time", async () => {
  const seen = recording();
  new LoopWriter({ folder }).write(picture(1));
  utimesSync(pathOf("picture"), seen.clock.now() / 1000, (seen.clock.now() - 1500) / 1000);
  await seen.start();
  const received = seen.clock.now();
  // utimes takes a float, which the file system rounds to microseconds or finer.
  const timings = { captured: expect.closeTo(received - 1500, 1), received };
  expect(seen.source.label).toBe(`folder ${basename(folder)}`);
  expect(seen.frames).toEqual([{ kind: "image", type: "image/jpeg", number: 1, timings, data: picture(1) }]);

  for (const unbelievable of [received - 10_001, received + 1]) {
    utimesSync(pathOf("picture"), unbelievable / 1000, unbelievable / 1000);
    const count = seen.frames.length + 1;
    await seen.frame(count);
    expect(seen.frames.at(-1)?.timings).toEqual({ captured: received, received });
  }
});

describe("a bad picture is reported and not taken", () => {
  /** Expects that the bad picture after a good one is reported once, with its reason, and that the next good one is taken. */
  async function expectRefused(seen: Recording, reason: string, sentence: RegExp): Promise<void> {
    await seen.poll(() => seen.lines.length > 0);
    expect(seen.lines).toEqual([expect.stringMatching(sentence)]);
    expect(seen.lines[0]).toContain(pathOf("picture"));
    await seen.clock.advance(2000);
    await turns();
    expect(seen.source.counters()).toMatchObject({ taken: 1, [reason]: 1 });
    expect(seen.lines).toHaveLength(1);
    expect(seen.problems).toEqual([seen.lines[0]?.replace(pathOf("picture"), NAMES.picture)]);
    new LoopWriter({ folder, way: "rename" }).write(picture(2));
    await seen.poll(() => seen.frames.length === 2);
    expect(seen.numbers).toEqual([1, 2]);
    expect(seen.problems.slice(1)).toEqual([undefined]);
  }

  async function afterOneGood(
    options: Partial<FolderOptions> = {},
    good: Buffer = picture(1),
  ): Promise<Recording> {
    new LoopWriter({ folder, flags: "none" }).write(good);
    return recording({ stallAfter: 600_000, ...options }).start();
  }

  test("if it is empty", async () => {
    const seen = await afterOneGood();
    writeFileSync(pathOf("picture"), "");
    await expectRefused(seen, "empty", /stays empty/);
  });

  test("if its loop crashed while writing", async () => {
    const seen = await afterOneGood();
    for (const step of new LoopWriter({ folder, chunks: 2 }).steps(picture(2))) if (step === "chunk") break;
    await expectRefused(seen, "torn", /stays incomplete/);
  });

  test("if it is incomplete, from a loop without flags", async () => {
    const seen = await afterOneGood();
    writeFileSync(pathOf("picture"), picture(2).subarray(0, 1000));
    await expectRefused(seen, "torn", /stays incomplete/);
  });

  test("if it is a mixture, because its loop crashed while overwriting in place", async () => {
    const seen = await afterOneGood({}, alike(1));
    const loop = new LoopWriter({ folder, way: "in-place", chunks: 2 });
    for (const step of loop.steps(alike(2))) {
      await turns(2);
      if (step === "chunk") break;
    }
    await seen.poll(() => seen.lines.length > 0);
    expect(seen.lines).toEqual([expect.stringMatching(/says 0 since before it was written/)]);
    expect(seen.numbers).toEqual([1]);
    loop.write(alike(3));
    await seen.frame(2);
    expect(seen.frames[1]?.data).toEqual(alike(3));
  });

  test("if it is too large", async () => {
    const seen = await afterOneGood({ maxBytes: picture(2).length });
    writeFileSync(pathOf("picture"), picture(3));
    await expectRefused(seen, "oversized", /more than the \d+ allowed/);
  });

  test("if it is no JPEG", async () => {
    const seen = await afterOneGood();
    const png = await sharp(picture(2)).png().toBuffer();
    writeFileSync(pathOf("picture"), png);
    await expectRefused(seen, "not_jpeg", /is not a JPEG/);
  });

  test("if it is a folder", async () => {
    const seen = await afterOneGood();
    unlinkSync(pathOf("picture"));
    mkdirSync(pathOf("picture"));
    await seen.poll(() => seen.lines.length > 0);
    rmSync(pathOf("picture"), { recursive: true });
    execFileSync("mkfifo", [pathOf("picture")]);
    await seen.poll(() => seen.source.counters().unreadable === 2);
    expect(seen.lines).toEqual([expect.stringMatching(/cannot be read: it is a folder/)]);
    expect(seen.numbers).toEqual([1]);
  });

  test("if it is a named pipe", async () => {
    const seen = await afterOneGood();
    unlinkSync(pathOf("picture"));
    execFileSync("mkfifo", [pathOf("picture")]);
    await expectRefused(seen, "unreadable", /cannot be read: it is not a regular file/);
  });

  test("if it cannot be read", async () => {
    const seen = await afterOneGood();
    unlinkSync(pathOf("picture"));
    symlinkSync(pathOf("picture"), pathOf("picture"));
    await expectRefused(seen, "unreadable", /cannot be read: ELOOP/);
  });
});

describe("the source's states", () => {
  test("follow a loop that ends, restarts, crashes and restarts", async () => {
    const seen = await recording().start();
    const loop = new LoopWriter({ folder });
    loop.begin();
    loop.write(picture(1));
    await seen.frame(1);
    loop.end();
    await seen.until(() => seen.kinds.at(-1) === "ended");
    loop.begin();
    loop.write(picture(2));
    await seen.until(() => seen.kinds.at(-1) === "live");
    await seen.poll(() => seen.kinds.at(-1) === "crashed");
    loop.begin();
    loop.write(picture(3));
    await seen.until(() => seen.kinds.at(-1) === "live");
    await seen.finish();
    expect(seen.kinds).toEqual(["waiting", "live", "ended", "live", "crashed", "live"]);
    expect(seen.states.flatMap((state) => (state.kind === "live" ? [state.run] : []))).toEqual([1, 2, 3]);
    expect(seen.numbers).toEqual([1, 2, 3]);
  });

  test("include stalled for a loop without flags that stops writing", async () => {
    const seen = await recording().start();
    new LoopWriter({ folder, flags: "none" }).write(picture(1));
    await seen.frame(1);
    await seen.poll(() => seen.kinds.at(-1) === "stalled");
    expect(seen.kinds).toEqual(["waiting", "live", "stalled"]);
  });

  test("begin with ended for a loop that ended before", async () => {
    const loop = new LoopWriter({ folder });
    loop.begin();
    loop.write(picture(1));
    loop.end();
    const seen = await recording().start();
    expect(seen.kinds).toEqual(["ended"]);
    expect(seen.numbers).toEqual([1]);
  });
});

describe("the folder", () => {
  test("must exist, be a folder and be readable", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    const missing = join(folder, "missing");
    await expect(recording({ folder: missing }).start()).rejects.toThrow(
      `The folder ${missing} does not exist: create it, or choose the folder the loop writes to.`,
    );
    await expect(recording({ folder: file }).start()).rejects.toThrow(`${file} is not a folder`);
    if (process.getuid?.() === 0) return;
    const shut = join(folder, "shut");
    mkdirSync(shut, { mode: 0o000 });
    const started = await recording({ folder: shut })
      .start()
      .catch((error: Error) => error.message);
    chmodSync(shut, 0o700);
    expect(started).toMatch(`The folder ${shut} cannot be read`);
  });

  test("may be deleted and come back", async () => {
    const seen = await recording({ stallAfter: 600_000 }).start();
    for (let number = 1; number <= 3; number++) {
      new LoopWriter({ folder }).write(picture(number));
      await seen.poll(() => seen.frames.length === number);
      rmSync(folder, { recursive: true });
      await seen.poll(() => seen.lines.length === 2 * number - 1);
      expect(seen.lines.at(-1)).toBe(`The folder ${folder} was deleted or moved; waiting for it to return.`);
      mkdirSync(folder);
      await seen.poll(() => seen.lines.length === 2 * number);
      expect(seen.lines.at(-1)).toBe(`The folder ${folder} is back.`);
    }
    // The new folder is watched, not only polled.
    new LoopWriter({ folder }).write(picture(4));
    await seen.frame(4);
    expect(seen.numbers).toEqual([1, 2, 3, 4]);
  });

  test("may be replaced by another without a pause", async () => {
    const seen = await recording({ stallAfter: 600_000 }).start();
    new LoopWriter({ folder }).write(picture(1));
    await seen.frame(1);
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    new LoopWriter({ folder }).write(picture(2));
    await seen.poll(() => seen.frames.length === 2);
    expect(seen.numbers).toEqual([1, 2]);
  });

  test("is polled every 10 ms if its file system reports no changes, which is logged once", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "rendercast-elsewhere-"));
    onTestFinished(() => rmSync(elsewhere, { recursive: true }));
    const loop = new LoopWriter({ folder: elsewhere, flags: "none" });
    loop.write(picture(1));
    symlinkSync(join(elsewhere, NAMES.picture), pathOf("picture"));
    const seen = await recording({ stallAfter: 600_000 }).start();
    await seen.frame(1);
    for (const number of [2, 3]) {
      expect(seen.lines).toEqual([]);
      loop.write(picture(number));
      await seen.poll(() => seen.frames.length === number);
    }
    expect(seen.lines).toEqual([expect.stringMatching(/every 10 ms: its file system reports no changes/)]);
    const timers = seen.clock.timers;
    loop.write(picture(4));
    await seen.clock.advance(10);
    await seen.frame(4);
    expect(seen.clock.timers).toBe(timers);
    expect(seen.lines).toHaveLength(1);
  });

  test("is polled every 10 ms if it cannot be watched, which is logged once", async () => {
    refuseWatches();
    const seen = await recording({ stallAfter: 600_000 }).start();
    expect(seen.lines).toEqual([expect.stringMatching(/every 10 ms: it cannot be watched \(ENOSPC\)/)]);
    for (let number = 1; number <= 5; number++) {
      new LoopWriter({ folder }).write(picture(number));
      await seen.clock.advance(10);
      await seen.frame(number);
    }
    expect(seen.numbers).toEqual([1, 2, 3, 4, 5]);
    expect(seen.lines).toHaveLength(1);
  });
});

describe("while nobody watches", () => {
  test("the source looks rarely, but knows the loop's state", async () => {
    const seen = await recording().start(false);
    const loop = new LoopWriter({ folder });
    loop.begin();
    for (let number = 1; number <= 5; number++) loop.write(picture(number));
    await turns();
    expect(seen.frames).toEqual([]);
    await seen.poll(() => seen.frames.length === 1);
    expect(seen.numbers).toEqual([5]);
    await seen.poll(() => seen.kinds.at(-1) === "crashed");
    loop.write(picture(6));
    loop.end();
    await seen.poll(() => seen.kinds.at(-1) === "ended");
    expect(seen.kinds).toEqual(["waiting", "live", "crashed", "ended"]);
    expect(seen.numbers).toEqual([5, 6]);
  });

  test("the newest picture is read as soon as somebody does", async () => {
    const seen = await recording().start(false);
    const loop = new LoopWriter({ folder });
    loop.write(picture(1));
    loop.write(picture(2));
    seen.source.demand(true);
    await seen.frame(1);
    loop.write(picture(3));
    await seen.frame(2);
    expect(seen.numbers).toEqual([2, 3]);
  });
});

describe("close", () => {
  test("ends all work and leaves no timer", async () => {
    const seen = await recording().start();
    const loop = new LoopWriter({ folder });
    loop.write(picture(1));
    await seen.frame(1);
    await seen.finish();
    expect(seen.clock.timers).toBe(0);
    loop.write(picture(2));
    seen.source.demand(false);
    seen.source.demand(true);
    await seen.clock.advance(1000);
    await turns();
    expect(seen.numbers).toEqual([1]);
  });

  test("during a look delivers nothing", async () => {
    const seen = await recording().start(false);
    new LoopWriter({ folder }).write(picture(1));
    seen.source.demand(true);
    await seen.source.close();
    await turns();
    expect(seen.frames).toEqual([]);
    expect(seen.clock.timers).toBe(0);
  });

  test("during the start delivers nothing and leaves no timer", async () => {
    const seen = recording();
    const started = seen.start();
    await seen.source.close();
    await started;
    expect(seen.frames).toEqual([]);
    expect(seen.clock.timers).toBe(0);
  });
});
