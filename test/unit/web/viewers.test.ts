import { expect, test } from "vitest";
import { COLUMNS, cellsOf } from "../../../web/viewers/cells.ts";

const viewer = { id: "1f", protocol: "tcp", address: "192.0.2.x", since: 1000, transport: "webrtc" } as const;

test("a viewer's row shows what is known, and a dash for the rest", () => {
  const joining = cellsOf({ ...viewer, state: "joining" }, 13_000);
  expect(joining).toEqual(["1f", "192.0.2.x", "joining", "WebRTC, TCP", "–", "–", "–", "–", "12 s"]);
  expect(joining).toHaveLength(COLUMNS.length);
  const watching = { ...viewer, state: "watching", codec: "h264", latency: 31.4, lost: 0.0123 } as const;
  expect(cellsOf({ ...watching, level: 0, roundTrip: 4.4 }, 1000 + 3_725_000).slice(2)).toEqual([
    "watching",
    "WebRTC, TCP",
    "H.264, full",
    "31 ms",
    "1.2 %",
    "4 ms",
    "1 h 2 min",
  ]);
});

test("the row of a viewer over the server's relay claims no protocol", () => {
  expect(cellsOf({ ...viewer, protocol: "relay", state: "joining" }, 1000)[3]).toBe("WebRTC, over a relay");
});

test("a viewer on a slow network is shown with a smaller rendition", () => {
  expect(cellsOf({ ...viewer, state: "watching", codec: "vp8", level: 2 }, 1000)[4]).toBe("VP8, smaller");
});
