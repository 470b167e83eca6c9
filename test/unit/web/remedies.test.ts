import { describe, expect, test } from "vitest";
import { Remedies } from "../../../web/player/webrtc/remedies.ts";

/** The remedies with their seconds, given the counters of each half second. */
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

describe("a video with packets", () => {
  test("gets no remedy while frames arrive", () => {
    expect(treat(20, (half) => ({ frames: half * 10, bytes: half * 9000, presented: half * 10 }))).toEqual(
      [],
    );
  });

  test("without frames gets a keyframe, then a reattached element, then a new connection", () => {
    const frozen = treat(20, (half) => ({ frames: Math.min(half, 4), bytes: half * 9000 }));
    expect(frozen).toEqual([
      [4.5, "keyframe"],
      [6, "reattach"],
      [9, "reconnect"],
    ]);
  });

  test("gets the first remedy again after a frame", () => {
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

  test("gets more time with a slow source", () => {
    const [first] = treat(0.5, (half) => ({ frames: Math.min(half, 4), bytes: half * 90 }));
    expect(first).toEqual([6, "keyframe"]);
    expect(treat(0.5, (half) => ({ frames: Math.floor(half / 4), bytes: half * 90 }))).toEqual([]);
  });

  test("gets only a reattached element if frames are decoded but not shown", () => {
    const hidden = treat(20, (half) => ({
      frames: half * 10,
      bytes: half * 9000,
      presented: Math.min(half * 10, 40),
    }));
    expect(hidden).toEqual([[5, "reattach"]]);
  });

  test("gets no remedy while no frames are expected", () => {
    expect(treat(undefined, (half) => ({ frames: 3, bytes: half * 9000, presented: 3 }))).toEqual([]);
  });
});

test("a video without packets gets no remedy", () => {
  expect(treat(20, () => ({ frames: 3, bytes: 9000 }))).toEqual([]);
});
