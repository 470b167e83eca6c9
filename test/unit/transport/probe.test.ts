import { expect, test } from "vitest";
import { PADDING, Probe } from "../../../src/transport/session/probe.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

const WIRE_BYTES = PADDING.length;

test("padding has its length in its last byte", () => {
  expect(PADDING.at(-1)).toBe(PADDING.length);
});

test("a probe cluster's size follows the bitrate to probe for, within limits", () => {
  const clock = new FakeClock();
  const bytes = (bitrate: number) => new Probe(clock).due(bitrate) * WIRE_BYTES;
  expect(bytes(1)).toBeGreaterThanOrEqual(2000);
  expect(bytes(1)).toBeLessThan(2000 + WIRE_BYTES);
  expect(bytes(800_000)).toBeGreaterThanOrEqual(4000);
  expect(bytes(800_000)).toBeLessThan(4000 + WIRE_BYTES);
  expect(bytes(1e9)).toBeLessThan(6000 + WIRE_BYTES);
});

test("a probe is four clusters, repeated after a pause", async () => {
  const clock = new FakeClock();
  const probe = new Probe(clock);
  expect(probe.due(undefined)).toBe(0);
  const times: number[] = [];
  const begin = clock.now();
  for (let n = 0; n < 400; n++) {
    if (probe.due(500_000) > 0) times.push(clock.now() - begin);
    clock.pass(10);
  }
  expect(times).toEqual([0, 100, 200, 300, 3300, 3400, 3500, 3600]);
});
