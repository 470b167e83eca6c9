import { expect, test } from "vitest";
import type { EpochMs } from "../../../src/base/clock.ts";
import { KeyframeRequests, MIN_KEYFRAME_INTERVAL } from "../../../src/encoder/keyframes.ts";

const at = (time: number) => time as EpochMs;

test("the first requested keyframe may be made at once", () => {
  const keyframes = new KeyframeRequests();
  expect(keyframes.wait(at(0))).toBeUndefined();
  keyframes.request();
  expect(keyframes.wait(at(0))).toBe(0);
});

test("any number of requests make one keyframe, after the interval", () => {
  const keyframes = new KeyframeRequests();
  keyframes.made(at(1000));
  for (let i = 0; i < 50; i++) keyframes.request();
  expect(keyframes.wait(at(1100))).toBe(MIN_KEYFRAME_INTERVAL - 100);
  expect(keyframes.wait(at(1000 + MIN_KEYFRAME_INTERVAL))).toBe(0);
  keyframes.made(at(1000 + MIN_KEYFRAME_INTERVAL));
  expect(keyframes.wait(at(5000))).toBeUndefined();
});
