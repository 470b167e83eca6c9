import { beforeEach, describe, expect, test } from "vitest";
import {
  CAMERA_POSE,
  type Lease,
  type Move,
  type Operating,
  POSE_LIMITS,
} from "../../../src/shared/control.ts";
import type { Reply } from "../../../src/shared/protocol.ts";
import { Operator } from "../../../web/player/control/operator.ts";
import { dolly, pan, turn } from "../../../web/player/control/pose.ts";
import { sentenceOf } from "../../../web/player/control/steering.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

describe("a pose", () => {
  test("turns as the scene is dragged, any number of times around, and never over the top", () => {
    let pose = CAMERA_POSE;
    for (let n = 0; n < 50; n++) pose = turn(pose, 0.1, 0.1);
    // 5 half turns.
    expect(Math.abs(pose.yaw)).toBeCloseTo(Math.PI);
    expect(pose.pitch).toBe(Math.PI / 2);
    expect(turn(turn(CAMERA_POSE, 0.3, -0.2), -0.3, 0.2).yaw).toBeCloseTo(0);
  });

  test("pans further from further away, and stays within the limits", () => {
    const far = dolly(CAMERA_POSE, 2);
    expect(pan(CAMERA_POSE, 0.5, 0.25)).toMatchObject({ x: -0.5, y: 0.25 });
    expect(pan(far, 0.5, 0.25)).toMatchObject({ x: -1, y: 0.5 });
    let pose = CAMERA_POSE;
    for (let n = 0; n < 200; n++) pose = pan(dolly(turn(pose, 1, 1), 3), 9, -9);
    expect(pose).toMatchObject({
      pitch: POSE_LIMITS.pitch[1],
      distance: POSE_LIMITS.distance[1],
      x: POSE_LIMITS.x[0],
      y: POSE_LIMITS.y[0],
    });
  });
});

describe("the control of a stream by a page", () => {
  let clock: FakeClock;
  let operator: Operator;
  let moves: Move[];
  let asked: number;
  let released: number;
  let reply: Reply<Operating>;
  const lease: Lease = { id: "a lease", pose: { ...CAMERA_POSE, yaw: 1 }, idle: 10_000 };

  beforeEach(() => {
    clock = new FakeClock();
    moves = [];
    asked = released = 0;
    reply = { ok: true, value: { viewer: 3, lease } };
    operator = new Operator("main", {
      timers: clock,
      signaling: {
        operate: async () => {
          asked++;
          return reply;
        },
        control: (move) => void moves.push(move),
        release: () => void released++,
      },
      changed: () => {},
    });
  });

  const drag = () => operator.change((pose) => turn(pose, 0.01, 0));

  async function switchOn(): Promise<void> {
    operator.toggle();
    await settle();
  }

  test("sends nothing until it is switched on and has the lease", async () => {
    drag();
    expect([asked, moves]).toEqual([0, []]);
    reply = { ok: true, value: { viewer: 3 } };
    await switchOn();
    drag();
    expect([asked, moves, operator.state.holds]).toEqual([1, [], false]);
    operator.granted(lease);
    drag();
    expect(moves).toHaveLength(1);
  });

  test("moves on from where the camera is, with the newest pose, 30 times a second at most", async () => {
    await switchOn();
    for (let n = 0; n < 100; n++) {
      drag();
      await clock.advance(1);
    }
    await clock.advance(100);
    expect(moves.length).toBeLessThanOrEqual(5);
    expect(moves.map(({ seq }) => seq)).toEqual(moves.map((_, n) => n));
    expect(moves[0]?.pose.yaw).toBeCloseTo(1 + 0.01 * Math.PI);
    expect(moves.at(-1)?.pose.yaw).toBeCloseTo(1 + Math.PI - 2 * Math.PI);
  });

  test("asks again by the next gesture after it was idle, or after the server was away", async () => {
    await switchOn();
    for (const end of [() => operator.ended("idle"), () => operator.forget()]) {
      await clock.advance(2000);
      end();
      const before = asked;
      drag();
      drag();
      await settle();
      expect([asked - before, operator.state.holds]).toEqual([1, true]);
    }
  });

  test("asks a second later if it is switched on again at once", async () => {
    await switchOn();
    operator.toggle();
    await switchOn();
    expect([asked, operator.state]).toMatchObject([1, { on: true, holds: false }]);
    await clock.advance(1000);
    expect([asked, operator.state.holds]).toEqual([2, true]);
    await clock.advance(5000);
    expect(asked).toBe(2);
  });

  test("is switched off by a refusal, or when it is taken back, and says why", async () => {
    await switchOn();
    operator.ended("taken-back");
    expect(operator.state).toMatchObject({ on: false, holds: false });
    expect(operator.state.notice).toMatch(/taken back/);
    await clock.advance(2000);
    reply = { ok: false, code: "token", message: "You need a token." };
    await switchOn();
    expect(operator.state).toMatchObject({ on: false, notice: "You need a token." });
  });

  test("gives the lease back when it is switched off, also one that comes late", async () => {
    await switchOn();
    operator.toggle();
    expect([released, operator.state.holds]).toEqual([1, false]);
    operator.granted(lease);
    expect([released, operator.state.holds]).toEqual([2, false]);
  });
});

test("every viewer reads who turns the view, and the holder reads who asks", () => {
  const state = { on: true, holds: false, viewer: 2, notice: "" };
  expect(sentenceOf({ mode: "orbit" }, undefined)).toBe("");
  expect(sentenceOf({ mode: "orbit", holder: 1 }, undefined)).toBe("Viewer 1 turns the view.");
  expect(sentenceOf({ mode: "orbit", holder: 1, asking: 2 }, state)).toMatch(/sees that you ask/);
  expect(sentenceOf({ mode: "orbit", holder: 2, asking: 4 }, { ...state, holds: true })).toMatch(
    /Viewer 4 asks/,
  );
});
