import { expect, test } from "vitest";
import { Status } from "../../../src/broadcast/status.ts";
import type { StreamInfo } from "../../../src/shared/protocol.ts";

test("reports each change to listeners once, and nothing without a change", () => {
  const readings = {
    source: "a source",
    fps: 20,
    viewers: 0,
    problem: undefined,
    control: undefined,
  };
  let viewers = readings.viewers;
  let fps = readings.fps;
  const status = new Status("main", () => ({ ...readings, viewers, fps }));
  const told: StreamInfo[] = [];
  status.listen((info) => told.push(info));
  status.tell();
  for (let refused = 0; refused < 100; refused++) status.tell();
  expect(told).toHaveLength(1);
  fps = 19.5;
  status.tell();
  expect(told).toHaveLength(1);
  viewers = 1;
  status.tell();
  status.sourceProblem = "Blender crashed.";
  expect(told.map(({ problem }) => problem)).toEqual([undefined, undefined, "Blender crashed."]);
  expect(told.at(-1)).toMatchObject({ fps: 19.5, viewers });
});
