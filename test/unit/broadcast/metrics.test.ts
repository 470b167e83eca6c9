import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Metrics } from "../../../src/broadcast/metrics.ts";

const broadcast = {
  name: "main",
  info: () => ({ fps: 19.5 }),
  records: {
    counts: () => [{ transport: "webrtc", protocol: "udp", rendition: "vp8/0", count: 3 }] as const,
  },
  counters: () => ({ taken: 7 }),
};

async function scraped(): Promise<string> {
  const metrics = new Metrics(
    () => [broadcast],
    () => ({ sent: 11 }),
  );
  metrics.stage("encode", 3);
  metrics.encoded("vp8/0", "key", 1000, 2);
  metrics.keyframeRequest();
  metrics.refusedPicture("torn");
  metrics.viewerGone("left");
  metrics.reception({ roundTrip: 20, jitter: 1, fractionLost: 0.01 });
  const first = await metrics.scrape();
  // A second scrape does not count anything twice.
  expect((await metrics.scrape()).text.match(/^rendercast_.*/gm)).toEqual(
    first.text.match(/^rendercast_.*/gm),
  );
  return first.text;
}

test("a scrape has the current values and the counters", async () => {
  const text = await scraped();
  for (const line of [
    'rendercast_viewers{stream="main",transport="webrtc",protocol="udp",rendition="vp8/0"} 3',
    'rendercast_source_fps{stream="main"} 19.5',
    'rendercast_datagrams_total{outcome="sent"} 11',
    'rendercast_source_pictures_total{stream="main",outcome="taken"} 7',
    'rendercast_encoded_frames_total{rendition="vp8/0",type="key"} 1',
    'rendercast_encoded_bytes_total{rendition="vp8/0"} 1000',
  ])
    expect(text).toContain(line);
  expect(text).toContain("# TYPE rendercast_datagrams_total counter");
  expect(text).toContain("nodejs_eventloop_lag_p99_seconds");
});

test("the dashboard uses only metrics that exist", async () => {
  const text = await scraped();
  const names = new Set([...text.matchAll(/^([a-z_]+)/gm)].map(([, name]) => name));
  const dashboard = readFileSync(new URL("../../../deploy/grafana/rendercast.json", import.meta.url), "utf8");
  const expressions = [...dashboard.matchAll(/"expr": "(.*?)(?<!\\)"/g)].map(
    ([, expression = ""]) => expression,
  );
  expect(expressions.length).toBeGreaterThan(8);
  for (const expression of expressions) {
    const asked = expression.match(/\b(rendercast|nodejs|process)_[a-z_]+/g) ?? [];
    expect(asked.length, expression).toBeGreaterThan(0);
    for (const name of asked) expect(names, expression).toContain(name);
  }
});
