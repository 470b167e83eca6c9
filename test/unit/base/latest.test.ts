import { expect, test } from "vitest";
import { Latest } from "../../../src/base/latest.ts";
import { settle } from "../../helpers/fake-clock.ts";

/** A stage whose work ends when the test says so. */
function stage() {
  const started: string[] = [];
  const finish: (() => void)[] = [];
  const latest = new Latest<string>(async (item) => {
    started.push(item);
    await new Promise<void>((resolve) => finish.push(resolve));
  });
  return { started, latest, finishOne: () => finish.shift()?.() };
}

test("while one item is processed, only the newest of the others waits", async () => {
  const { started, latest, finishOne } = stage();
  for (const item of ["a", "b", "c", "d"]) latest.push(item);
  expect(started).toEqual(["a"]);
  finishOne();
  await settle();
  expect(started).toEqual(["a", "d"]);
  expect(latest.dropped).toBe(2);
});

test("an idle stage starts at once and drops nothing", async () => {
  const { started, latest, finishOne } = stage();
  latest.push("a");
  finishOne();
  await settle();
  expect(latest.busy).toBe(false);
  latest.push("b");
  expect(started).toEqual(["a", "b"]);
  expect(latest.dropped).toBe(0);
});

test("a closed stage drops the waiting item and accepts no more", async () => {
  const { started, latest, finishOne } = stage();
  latest.push("a");
  latest.push("b");
  latest.close();
  latest.push("c");
  finishOne();
  await settle();
  expect(started).toEqual(["a"]);
});
