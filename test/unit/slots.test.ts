import { expect, test } from "vitest";
import { Slots } from "../../src/encoder/slots.ts";

test("so many go at once, and of those that wait first who needs least", async () => {
  const slots = new Slots(2);
  const went: number[] = [];
  const go = async (cost: number) => {
    const done = await slots.take(cost);
    went.push(cost);
    return done;
  };
  const [first, , ...waiting] = [go(900), go(800), go(700), go(5), go(60)];
  await Promise.resolve();
  const [end] = await Promise.all([first]);
  expect(went).toEqual([900, 800]);
  end?.();
  end?.();
  const next = await waiting[1];
  expect(went).toEqual([900, 800, 5]);
  next?.();
  (await waiting[2])?.();
  await waiting[0];
  expect(went).toEqual([900, 800, 5, 60, 700]);
});

test("a turn at once is had only where nobody has to wait for it", () => {
  const slots = new Slots(1);
  const end = slots.takeNow();
  expect(slots.takeNow()).toBeUndefined();
  end?.();
  expect(slots.takeNow()).toBeDefined();
});
