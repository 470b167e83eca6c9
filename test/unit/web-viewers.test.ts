import { expect, test } from "vitest";
import { COLUMNS, cellsOf } from "../../web/viewers/cells.ts";

const viewer = { id: "1f", protocol: "tcp", address: "192.0.2.x", since: 1000, transport: "webrtc" } as const;

test("a viewer's row says what is known, and of the rest that it is not", () => {
  const joining = cellsOf({ ...viewer, state: "joining" }, 13_000);
  expect(joining).toEqual(["1f", "192.0.2.x", "WebRTC, TCP, joining", "–", "–", "–", "12 s"]);
  expect(joining).toHaveLength(COLUMNS.length);
  const watching = { ...viewer, state: "watching", codec: "h264", lost: 0.0123 } as const;
  expect(cellsOf({ ...watching, level: 0, roundTrip: 4.4 }, 1000 + 3_725_000).slice(3)).toEqual([
    "H.264",
    "1.2 %",
    "4 ms",
    "1 h 2 min",
  ]);
});

test("a viewer on a slower network is told by how many steps below the full rendition its own is", () => {
  expect(cellsOf({ ...viewer, state: "watching", codec: "vp8", level: 2 }, 1000)[3]).toBe(
    "VP8, 2 below full",
  );
});
