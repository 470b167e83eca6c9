import { describe, expect, test } from "vitest";
import { Remedies } from "../../web/player/webrtc/remedies.ts";

/** What is done, by second, where the counters are so each half second. */
function treat(
  fps: number | undefined,
  counters: (half: number) => { frames: number; bytes: number; presented?: number },
) {
  const remedies = new Remedies();
  return Array.from({ length: 40 }, (_, half) => {
    const remedy = remedies.next({ at: half * 500, ...counters(half) }, fps);
    return remedy ? [[half / 2, remedy] as const] : [];
  }).flat();
}

describe("a video whose packets come", () => {
  test("is left alone while its frames come", () => {
    expect(treat(20, (half) => ({ frames: half * 10, bytes: half * 9000, presented: half * 10 }))).toEqual(
      [],
    );
  });

  test("gets a keyframe where no frame comes, then a new element, and then a new connection", () => {
    const frozen = treat(20, (half) => ({ frames: Math.min(half, 4), bytes: half * 9000 }));
    expect(frozen).toEqual([
      [4.5, "keyframe"],
      [6, "reattach"],
      [9, "reconnect"],
    ]);
  });

  test("gets the first remedy again once a frame has come in between", () => {
    const limping = treat(20, (half) => ({
      frames: half < 12 ? 1 : Math.min(half, 14),
      bytes: half * 9000,
    }));
    expect(limping.map(([, remedy]) => remedy)).toEqual([
      "keyframe",
      "reattach",
      "keyframe",
      "reattach",
      "reconnect",
    ]);
  });

  test("is given the time that a slow source takes", () => {
    const [first] = treat(0.5, (half) => ({ frames: Math.min(half, 4), bytes: half * 90 }));
    expect(first).toEqual([6, "keyframe"]);
    expect(treat(0.5, (half) => ({ frames: Math.floor(half / 4), bytes: half * 90 }))).toEqual([]);
  });

  test("gets a new element where its frames are decoded but not shown, and no more than that", () => {
    const hidden = treat(20, (half) => ({
      frames: half * 10,
      bytes: half * 9000,
      presented: Math.min(half * 10, 40),
    }));
    expect(hidden).toEqual([[5, "reattach"]]);
  });

  test("is left alone where no frames are expected", () => {
    expect(treat(undefined, (half) => ({ frames: 3, bytes: half * 9000, presented: 3 }))).toEqual([]);
  });
});

test("does nothing about a network that carries nothing", () => {
  expect(treat(20, () => ({ frames: 3, bytes: 9000 }))).toEqual([]);
});
