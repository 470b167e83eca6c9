import { beforeEach, describe, expect, test } from "vitest";
import { CAMERA_POSE, POSE_LIMITS, type Pose } from "../../../src/shared/control.ts";
import { ControlDesk } from "../../../src/signaling/control-desk.ts";
import { Operating } from "../../../src/signaling/operating.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { randomFrom, randomValue } from "../../helpers/fuzz.ts";

let clock: FakeClock;
let desks: Map<string, ControlDesk>;
let poses: Pose[];
let told: string[];
/** Why the page has no right, if set. */
let refusal: string | undefined;
let endRight: () => void;
let checking: Promise<unknown>;

function newDesk(): ControlDesk {
  const desk = new ControlDesk(clock, () => {});
  desk.open(
    (pose) => poses.push(pose),
    () => {},
  );
  return desk;
}

function newPage(): Operating {
  return new Operating({
    clock,
    find: (name) => {
      const control = desks.get(name);
      return control ? { control } : name === "elsewhere" ? {} : undefined;
    },
    async mayControl() {
      await checking;
      if (refusal !== undefined) return { why: refusal };
      return {
        whenOver: (run) => {
          endRight = run;
          return () => {};
        },
      };
    },
    granted: () => told.push("granted"),
    ended: (why) => told.push(why),
  });
}

beforeEach(() => {
  clock = new FakeClock();
  poses = [];
  told = [];
  refusal = undefined;
  checking = Promise.resolve();
  desks = new Map([
    ["main", newDesk()],
    ["film", newDesk()],
  ]);
});

const refused = (code: string) => ({ ok: false, code, message: expect.stringMatching(/^[A-Z].*\.$/) });

/** Asks, and returns the id of the lease. */
async function leaseOf(page: Operating, stream = "main"): Promise<string> {
  const reply = await page.ask(stream);
  await clock.advance(500);
  return (reply.ok && reply.value.lease?.id) || "none";
}

describe("a page that asks to control", () => {
  test("gets the lease, and its messages move the camera", async () => {
    const page = newPage();
    const lease = await leaseOf(page);
    expect(page.hasLease).toBe(true);
    const pose = { yaw: 1, pitch: -0.5, distance: 2, x: 0.1, y: -0.1 };
    expect(page.move({ lease, seq: 0, pose })).toBe(true);
    expect(poses).toEqual([pose]);
  });

  test("is refused without the right, and for a stream that is not there or that nobody can control", async () => {
    const page = newPage();
    for (const [name, code] of [
      ["none", "no-such-stream"],
      ["elsewhere", "no-control"],
      [7, "bad-request"],
      [{ length: 3 }, "bad-request"],
    ] as const) {
      expect(await page.ask(name)).toEqual(refused(code));
      await clock.advance(500);
    }
    refusal = "This needs a token.";
    expect(await page.ask("main")).toEqual(refused("token"));
    expect(page.hasLease).toBe(false);
  });

  test("is answered twice a second at most, since all viewers are told", async () => {
    const page = newPage();
    expect(await page.ask("main")).toMatchObject({ ok: true });
    expect(await page.ask("main")).toEqual(refused("bad-request"));
    await clock.advance(500);
    expect(await page.ask("main")).toMatchObject({ ok: true });
  });

  test("and leaves while its right is checked gets no lease", async () => {
    const page = newPage();
    checking = settle();
    const reply = page.ask("main");
    page.release();
    expect(await reply).toMatchObject({ ok: false });
    expect(desks.get("main")?.info).toEqual({ mode: "orbit" });
  });

  test("gets the lease when the holder leaves", async () => {
    const [first, second] = [newPage(), newPage()];
    await leaseOf(first);
    expect(await leaseOf(second)).toBe("none");
    first.release();
    expect([told, second.hasLease, first.hasLease]).toEqual([["granted"], true, false]);
  });
});

test("a page controls one stream: asking for another ends the lease of the first", async () => {
  const page = newPage();
  const lease = await leaseOf(page, "main");
  await leaseOf(page, "film");
  expect(desks.get("main")?.info).toEqual({ mode: "orbit" });
  page.move({ lease, seq: 0, pose: CAMERA_POSE });
  expect(poses).toEqual([]);
});

test("the lease ends with the right", async () => {
  const page = newPage();
  const lease = await leaseOf(page);
  endRight();
  page.move({ lease, seq: 0, pose: CAMERA_POSE });
  expect([told, page.hasLease, poses]).toEqual([["right"], false, []]);
});

test("a lease of another page or stream moves nothing", async () => {
  const [holder, other, elsewhere] = [newPage(), newPage(), newPage()];
  const lease = await leaseOf(holder);
  const film = await leaseOf(elsewhere, "film");
  for (const page of [other, elsewhere]) page.move({ lease, seq: 0, pose: CAMERA_POSE });
  holder.move({ lease: film, seq: 0, pose: CAMERA_POSE });
  expect(poses).toEqual([]);
});

test("more messages than a page sends are too many", async () => {
  const page = newPage();
  const lease = await leaseOf(page);
  const flood = Array.from({ length: 500 }, (_, seq) => page.move({ lease, seq, pose: CAMERA_POSE }));
  expect(flood.indexOf(false)).toBe(450);
  await clock.advance(9_400);
  expect(page.move({ lease, seq: 1000, pose: CAMERA_POSE })).toBe(false);
  await clock.advance(600);
  expect(page.move({ lease, seq: 1001, pose: CAMERA_POSE })).toBe(true);
});

test("whatever a page sends, only poses within the limits reach the publisher", async () => {
  const page = newPage();
  const lease = await leaseOf(page);
  const random = randomFrom(20);
  let passed = 0;
  let dropped = 0;
  for (let seq = 0; seq < 20_000; seq++) {
    const before = poses.length;
    // Most are a valid message with one value replaced.
    const pose: Record<string, unknown> = { ...CAMERA_POSE, yaw: random(100) / 100 };
    const message: Record<string, unknown> = { lease, seq, pose };
    const victim = random(4) === 0 ? message : pose;
    const names = Object.keys(victim);
    if (random(3) > 0) victim[names[random(names.length)] ?? "extra"] = randomValue(random);
    if (random(20) === 0) pose.extra = randomValue(random);
    page.move(random(20) === 0 ? randomValue(random) : message);
    if (poses.length > before) passed++;
    else dropped++;
  }
  expect(Math.min(passed, dropped)).toBeGreaterThan(2000);
  for (const pose of poses) {
    expect(Object.keys(pose).sort()).toEqual(Object.keys(POSE_LIMITS).sort());
    for (const [name, [least, most]] of Object.entries(POSE_LIMITS)) {
      const value = pose[name as keyof Pose];
      expect(value >= least && value <= most, `${name}: ${value}`).toBe(true);
    }
  }
});
