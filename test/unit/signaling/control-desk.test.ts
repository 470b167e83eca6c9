import { beforeEach, describe, expect, test } from "vitest";
import { CAMERA_POSE, type Lease, type Pose } from "../../../src/shared/control.ts";
import { type Applicant, ControlDesk, IDLE_TIMEOUT } from "../../../src/signaling/control-desk.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const LEFT: Pose = { ...CAMERA_POSE, yaw: -1 };
const RIGHT: Pose = { ...CAMERA_POSE, yaw: 1 };

/** A viewer that notes what it is told. */
class Viewer implements Applicant {
  lease: Lease | undefined;
  readonly told: string[] = [];
  granted(lease: Lease): void {
    this.lease = lease;
    this.told.push("granted");
  }
  ended(why: string): void {
    this.lease = undefined;
    this.told.push(why);
  }
}

let clock: FakeClock;
let desk: ControlDesk;
let changes: number;
let poses: Pose[];
let alice: Viewer;
let bob: Viewer;
let carol: Viewer;
let stopPublisher: () => void;

beforeEach(() => {
  clock = new FakeClock();
  changes = 0;
  poses = [];
  desk = new ControlDesk(clock, () => changes++);
  [alice, bob, carol] = [new Viewer(), new Viewer(), new Viewer()];
  stopPublisher = desk.open(
    (pose) => poses.push(pose),
    () => {},
  );
});

function ask(viewer: Viewer): unknown {
  const asked = desk.ask(viewer);
  if (typeof asked === "string") return asked;
  viewer.lease = asked.lease;
  return { viewer: asked.viewer, granted: asked.lease !== undefined };
}

const move = (viewer: Viewer, seq: number, pose: Pose, lease = viewer.lease?.id ?? "none") =>
  desk.move(viewer, { lease, seq, pose });

test("without a publisher that takes poses, nobody gets the lease", () => {
  const closed = new ControlDesk(clock, () => {});
  expect(closed.info).toBeUndefined();
  expect(closed.ask(alice)).toBe("off");
});

test("one viewer has the lease, and its poses alone reach the publisher", () => {
  expect(ask(alice)).toEqual({ viewer: 1, granted: true });
  expect(ask(bob)).toEqual({ viewer: 2, granted: false });
  expect(desk.info).toEqual({ mode: "orbit", holder: 1, asking: 2 });
  expect(ask(carol)).toBe("busy");
  move(alice, 0, LEFT);
  move(bob, 1, RIGHT);
  move(bob, 1, RIGHT, alice.lease?.id);
  move(alice, 1, RIGHT, "another lease");
  expect(poses).toEqual([LEFT]);
});

test("the newest pose wins: late and repeated messages are dropped", () => {
  ask(alice);
  for (const [seq, pose] of [
    [5, LEFT],
    [5, RIGHT],
    [4, RIGHT],
    [6, CAMERA_POSE],
  ] as const)
    move(alice, seq, pose);
  expect(poses).toEqual([LEFT, CAMERA_POSE]);
});

describe("the lease", () => {
  test("is renewed by each message, and ends after ten seconds without one", async () => {
    ask(alice);
    for (let seq = 0; seq < 5; seq++) {
      await clock.advance(IDLE_TIMEOUT - 1);
      move(alice, seq, LEFT);
    }
    expect(alice.told).toEqual([]);
    await clock.advance(IDLE_TIMEOUT);
    expect(alice.told).toEqual(["idle"]);
    expect(desk.info).toEqual({ mode: "orbit" });
    expect(desk.pose).toEqual(LEFT);
  });

  test("is not renewed by messages that are dropped", async () => {
    ask(alice);
    move(alice, 9, LEFT);
    await clock.advance(IDLE_TIMEOUT / 2);
    move(alice, 9, LEFT);
    move(bob, 10, LEFT, alice.lease?.id);
    await clock.advance(IDLE_TIMEOUT / 2);
    expect(alice.told).toEqual(["idle"]);
  });

  test("goes to the viewer that waits when its holder leaves, hands over or is idle", async () => {
    ask(alice);
    ask(bob);
    desk.release(alice);
    expect([bob.told, alice.told]).toEqual([["granted"], []]);
    expect(desk.info).toEqual({ mode: "orbit", holder: 2 });
    move(alice, 1, LEFT);
    move(bob, 0, RIGHT);
    expect(poses).toEqual([RIGHT]);
    ask(alice);
    await clock.advance(IDLE_TIMEOUT);
    expect(bob.told).toEqual(["granted", "idle"]);
    expect(desk.info).toEqual({ mode: "orbit", holder: 1 });
    expect(alice.lease?.pose).toEqual(RIGHT);
  });

  test("is not given to a viewer that no longer waits", () => {
    ask(alice);
    ask(bob);
    desk.release(bob);
    desk.release(alice);
    expect(desk.info).toEqual({ mode: "orbit" });
    expect(bob.told).toEqual([]);
  });

  test("taken back ends for the holder and the viewer that waits, and the camera is the publisher's again", () => {
    ask(alice);
    ask(bob);
    move(alice, 0, LEFT);
    desk.takeBack();
    expect([alice.told, bob.told]).toEqual([["taken-back"], ["taken-back"]]);
    expect([desk.info, desk.pose]).toEqual([{ mode: "orbit" }, CAMERA_POSE]);
    expect(poses.at(-1)).toEqual(CAMERA_POSE);
  });

  test("ends when the publisher stops allowing control, or the right of its holder ends", () => {
    ask(alice);
    ask(bob);
    desk.end(alice, "right");
    expect([alice.told, bob.told]).toEqual([["right"], ["granted"]]);
    stopPublisher();
    expect(bob.told).toEqual(["granted", "off"]);
    expect(desk.info).toBeUndefined();
    expect(clock.timers).toBe(0);
  });
});

test("a publisher that connects again replaces its earlier connection, without an end of the lease", () => {
  ask(alice);
  const again: Pose[] = [];
  desk.open(
    (pose) => again.push(pose),
    () => {},
  );
  stopPublisher();
  move(alice, 0, LEFT);
  expect([poses, again, alice.told]).toEqual([[], [LEFT], []]);
});

test("tells of changes only", () => {
  expect(changes).toBe(1);
  ask(alice);
  ask(bob);
  for (let n = 0; n < 20; n++) {
    ask(alice);
    ask(bob);
    ask(carol);
    move(alice, n, LEFT);
    desk.release(carol);
  }
  expect(changes).toBe(3);
});
