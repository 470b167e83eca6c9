import { expect, test } from "vitest";
import type { Clock, EpochMs } from "../../../src/base/clock.ts";
import { PublisherTimeout } from "../../../src/source/ingest/publisher-timeout.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

function make() {
  let now = 1000;
  const clock: Clock = Object.assign(new FakeClock(), { now: () => now as EpochMs });
  const timeout = new PublisherTimeout(clock);
  /** Checks each second, as its owner does, and returns the first refusal. */
  const wait = (seconds: number, bytesEach = 0) => {
    for (let second = 0; second < seconds; second++) {
      now += 1000;
      if (bytesEach > 0) timeout.received(bytesEach);
      const why = timeout.check();
      if (why !== undefined) return why;
    }
    return undefined;
  };
  const standStill = (seconds: number) => {
    now += seconds * 1000;
    return timeout.check();
  };
  return { timeout, wait, standStill };
}

test("a silent publisher is dropped after ten seconds", () => {
  const { wait } = make();
  expect(wait(10)).toBeUndefined();
  expect(wait(1)).toMatch(/^Nothing came for 10 seconds/);
});

test("a publisher that trickles is dropped thirty seconds after its last whole part", () => {
  const { timeout, wait } = make();
  for (let part = 0; part < 3; part++) {
    expect(wait(30, 10)).toBeUndefined();
    timeout.partComplete();
  }
  expect(wait(31, 10)).toMatch(/^No part was complete for 30 seconds/);
});

test("a slow upload of a large part may take minutes, until it becomes a trickle", () => {
  const { wait } = make();
  expect(wait(600, 5000)).toBeUndefined();
  expect(wait(62, 10)).toMatch(/^No part/);
});

test("a publisher gets the full time again after this process stood still", () => {
  const { wait, standStill } = make();
  expect(wait(9)).toBeUndefined();
  expect(standStill(15)).toBeUndefined();
  expect(wait(10)).toBeUndefined();
  expect(wait(1)).toMatch(/^Nothing/);
});
