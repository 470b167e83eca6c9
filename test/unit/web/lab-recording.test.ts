import { describe, expect, test } from "vitest";
import {
  laneSummary,
  Recorder,
  type Setting,
  summaryLine,
  toCsv,
  toJson,
} from "../../../web/lab/recording.ts";
import { labOf } from "../../../web/lab/route.ts";
import { browserName, byteRate, isSigned, tenths } from "../../../web/lab/words.ts";

/** 2026-11-23 07:40 UTC */
const START = 1_795_419_600_000;
const setting: Setting = {
  stream: "main",
  width: 480,
  height: 270,
  fps: 20,
  browser: "Firefox 140 on Linux",
  clock: { offset: -3, uncertainty: 0.25 },
};

function recorded() {
  const recorder = new Recorder(START, ["webrtc", "img"], 200);
  const log = recorder.log("webrtc");
  for (const number of [1, 2, 4]) {
    const shownAt = START + 50 * number;
    const stages = [
      { key: "render" as const, time: 1 },
      { key: "network" as const, time: 8 },
    ];
    log?.shown(shownAt);
    log?.add({ number, shownAt, captured: shownAt - 12, latency: 9, stages });
  }
  log?.shown(START + 1000);
  return recorder.stop(START + 5000, setting, () => "frames");
}

describe("a recording", () => {
  test("contains only the lanes that were on", () => {
    expect(new Recorder(START, ["webrtc"], 200).log("fetch")).toBeUndefined();
    expect(recorded().lanes.map(({ lane, method }) => [lane, method])).toEqual([
      ["webrtc", "frames"],
      ["img", undefined],
    ]);
  });

  test("is a row for each frame, as CSV", () => {
    const lines = toCsv(recorded()).split("\r\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe(
      "lane,method,frame,captured_epoch_ms,shown_ms,latency_ms,render_ms,decode_ms,encode_ms,send_ms,server_ms,network_ms,buffer_ms,browser_ms,screen_ms,rest_ms",
    );
    expect(lines[1]).toBe("webrtc,frames,1,1795419600038.000,50.000,9.000,1.000,,,,,8.000,,,,");
    expect(lines[4]).toBe("");
  });

  test("is complete, as JSON", () => {
    const recording = recorded();
    const { lanes, from, to, ...about } = JSON.parse(toJson(recording));
    expect(about).toEqual(setting);
    expect([from, to]).toEqual([START, START + 5000]);
    expect(lanes).toEqual(JSON.parse(JSON.stringify(recording.lanes)));
  });

  test("has a one-line summary", () => {
    expect(summaryLine(recorded())).toBe(
      "Latency of main 480x270 at 20 fps, 5 s, Firefox 140 on Linux, 2026-11-23 07:40 UTC: " +
        "WebRTC median 9.0 ms, p95 9.0 ms, 1 of 4 frames missed, 2 freezes; " +
        "MJPEG in an <img> not timed; clocks within 0.3 ms.",
    );
  });

  test("names the lanes that were read optically", () => {
    const [lane] = recorded().lanes;
    expect(lane && laneSummary({ ...lane, method: "optical" })).toMatch(/^WebRTC \(read optically\) median/);
  });
});

test.each([
  ["/lab", { prefix: "", stream: "main" }],
  ["/lab/film", { prefix: "", stream: "film" }],
  ["/cast/lab/a%20b/", { prefix: "/cast", stream: "a b" }],
  ["/lab/%", { prefix: "", stream: "%" }],
])("reads the address %s", (pathname, expected) => {
  expect(labOf({ pathname })).toEqual(expected);
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 on Linux"],
  [
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36 Edg/141.0",
    "Edge 141 on Windows",
  ],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15", "Safari 18 on macOS"],
  ["something", "A browser on an unknown system"],
])("names the browser of %s", (userAgent, name) => {
  expect(browserName(userAgent)).toBe(name);
});

test("writes figures with readable digits", () => {
  expect([undefined, 0, 9.04, 99.94, 99.96, 1234].map(tenths)).toEqual([
    "–",
    "0.0",
    "9.0",
    "99.9",
    "100",
    "1234",
  ]);
  expect([undefined, 83_400, 1_250_000].map(byteRate)).toEqual(["–", "83 kB/s", "1.3 MB/s"]);
});

describe("isSigned", () => {
  test("distinguishes a JWT, which an address may contain, from a fixed secret", () => {
    expect(isSigned("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2ln-_")).toBe(true);
    for (const secret of ["long-enough-secret-1", "two.parts", "a..b", "with spaces.in.it"])
      expect(isSigned(secret)).toBe(false);
  });
});
