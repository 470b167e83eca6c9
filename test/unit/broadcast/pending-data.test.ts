import { describe, expect, test } from "vitest";
import { MAX_WAIT, PendingData } from "../../../src/broadcast/pending-data.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

function start() {
  const clock = new FakeClock();
  const alone: string[] = [];
  return { clock, alone, data: new PendingData(clock, (json) => alone.push(json)) };
}

const large = (name: string) => JSON.stringify({ [name]: "x".repeat(10_000) });

describe("data without a picture", () => {
  test("joins the next picture, and only that one", () => {
    const { clock, alone, data } = start();
    data.add('{"elbow": 1.0}');
    expect(data.join(undefined)).toBe('{"elbow": 1.0}');
    expect(data.join(undefined)).toBeUndefined();
    clock.pass(10 * MAX_WAIT);
    expect(alone).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  test("does not replace what the picture itself says", () => {
    const { data } = start();
    data.add('{"elbow": 1, "wrist": 2}');
    expect(data.join('{"elbow": 3}')).toBe('{"elbow":3,"wrist":2}');
  });

  test("is merged while it waits: later values replace earlier ones", () => {
    const { data } = start();
    data.add('{"elbow": 1, "wrist": 2}');
    data.add('{"elbow": 3, "__proto__": 4}');
    expect(data.join(undefined)).toBe('{"elbow":3,"wrist":2,"__proto__":4}');
  });

  test("goes by itself if no picture comes, at most ten times a second", () => {
    const { clock, alone, data } = start();
    for (let sample = 0; sample < 100; sample++) {
      data.add(`{"sample":${sample}}`);
      clock.pass(10);
    }
    expect(alone).toHaveLength(10);
    expect(alone.at(-1)).toBe('{"sample":99}');
  });

  test("goes by itself if it does not fit into the picture's telemetry", () => {
    const { clock, alone, data } = start();
    data.add(large("a"));
    expect(data.join(large("b"))).toBe(large("b"));
    expect(alone).toEqual([]);
    clock.pass(MAX_WAIT);
    expect(alone).toEqual([large("a")]);
  });

  test("is never lost because more comes than fits", () => {
    const { clock, alone, data } = start();
    data.add(large("a"));
    data.add(large("b"));
    expect(alone).toEqual([large("a")]);
    clock.pass(MAX_WAIT);
    expect(alone).toEqual([large("a"), large("b")]);
  });

  test("does not fail if it is nested too deeply to be merged", () => {
    const { clock, alone, data } = start();
    const deep = `{"a":${"[".repeat(8000)}${"]".repeat(8000)}}`;
    data.add('{"b": 1}');
    expect(data.join(deep)).toBe(deep);
    data.add(deep);
    expect(alone).toEqual(['{"b": 1}']);
    expect(data.join('{"b": 2}')).toBe('{"b": 2}');
    clock.pass(MAX_WAIT);
    expect(alone).toEqual(['{"b": 1}', deep]);
  });

  test("is dropped when the stream closes", () => {
    const { clock, alone, data } = start();
    data.add('{"elbow": 1}');
    data.close();
    clock.pass(MAX_WAIT);
    expect(alone).toEqual([]);
  });
});
