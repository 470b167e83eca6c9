import { beforeEach, expect, test } from "vitest";
import { Protection } from "../../../src/transport/session/protection.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let protection: Protection;
beforeEach(() => {
  clock = new FakeClock();
  protection = new Protection(clock);
});

/** Parity packets per frame of 10 packets, after 20 seconds of such feedback. */
async function parity(lost: number, { roundTrip = 50, queue = 0, packets = 10 } = {}) {
  for (let n = 0; n < 200; n++) {
    await clock.advance(100);
    protection.measured({ lost, queue });
  }
  const frames = 100;
  let sum = 0;
  for (let n = 0; n < frames; n++)
    sum += protection.parityPackets(packets, Number.isNaN(roundTrip) ? undefined : roundTrip);
  return sum / frames;
}

test("follows the loss, up to a quarter of the packets", async () => {
  expect(await parity(0)).toBe(0);
  expect(await parity(0.02)).toBe(1);
  expect(await parity(0.05)).toBe(2);
  expect(await parity(0.3)).toBeCloseTo(2.5, 1);
});

test("is not sent if retransmissions are quick enough, or the round trip is unknown", async () => {
  expect(await parity(0.05, { roundTrip: 10 })).toBe(0);
  expect(await parity(0.05, { roundTrip: Number.NaN })).toBe(0);
});

test("is not sent into a queue", async () => {
  expect(await parity(0.1, { queue: 100 })).toBe(0);
});

test("is saved up for frames of one packet", async () => {
  expect(await parity(0.1, { packets: 1 })).toBeCloseTo(0.25, 1);
});
