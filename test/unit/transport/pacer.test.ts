import { beforeEach, describe, expect, test } from "vitest";
import { type Paced, Pacer } from "../../../src/transport/session/pacer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let clock: FakeClock;
let sent: { readonly name: number; readonly at: number }[];
let pacer: Pacer<Paced & { name: number }>;
beforeEach(() => {
  clock = new FakeClock(0);
  sent = [];
  // 1000 bytes in 8 ms.
  pacer = new Pacer(clock, 1_000_000, ({ name }) => sent.push({ name, at: clock.now() }));
});

function push(count: number, from = 0): void {
  for (let name = from; name < from + count; name++) pacer.push({ name, bytes: 1000 });
}

const names = () => sent.map(({ name }) => name);

describe("a pacer", () => {
  test("sends a small frame immediately and spreads a larger one at its rate, in order", () => {
    push(20);
    expect(names()).toEqual([0, 1, 2, 3, 4, 5]);
    clock.pass(200);
    expect(names()).toEqual(Array.from({ length: 20 }, (_, name) => name));
    expect(sent.at(-1)?.at).toBeGreaterThanOrEqual(13 * 8);
    expect(sent.at(-1)?.at).toBeLessThan(15 * 8);
    expect(clock.timers).toBe(0);
  });

  test("accumulates no more than one burst while idle", () => {
    clock.pass(60_000);
    push(20);
    expect(sent).toHaveLength(6);
  });

  test("does not pace at a high rate", () => {
    pacer.rate = 100_000_000;
    push(500);
    expect(sent).toHaveLength(500);
    pacer.rate = 1_000_000;
    push(7, 500);
    expect(sent).toHaveLength(506);
  });

  test("reaches a rate that is high for the resolution of timers", () => {
    pacer.rate = 40_000_000;
    push(1000);
    clock.pass(1000);
    expect(sent).toHaveLength(1000);
    expect(sent.at(-1)?.at).toBeGreaterThan(190);
    expect(sent.at(-1)?.at).toBeLessThan(210);
  });

  test("sends urgent packets first, in order, and at the same rate", () => {
    push(10);
    for (const name of [98, 99]) pacer.urgent({ name, bytes: 1000 });
    expect(names()).toHaveLength(6);
    clock.pass(1000);
    expect(names().slice(6)).toEqual([98, 99, 6, 7, 8, 9]);
    expect(sent.at(-1)?.at).toBeCloseTo(5 * 8, -1);
    pacer.urgent({ name: 100, bytes: 1000 });
    expect(names().at(-1)).toBe(100);
  });

  test("drops urgent packets when it is cleared", () => {
    push(8);
    pacer.urgent({ name: 99, bytes: 1000 });
    expect(pacer.clear().map(({ name }) => name)).toEqual([6, 7]);
  });

  test("reports its queue delay, and returns unsent packets when it is cleared", () => {
    push(8);
    expect(pacer.queueDelay).toBe(0);
    clock.pass(7);
    expect(pacer.queueDelay).toBe(7);
    expect(names()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(pacer.clear().map(({ name }) => name)).toEqual([7]);
    expect(pacer.queueDelay).toBe(0);
    clock.pass(1000);
    expect(sent).toHaveLength(7);
    expect(clock.timers).toBe(0);
  });
});
