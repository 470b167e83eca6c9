/** A viewer's session over simulated networks with delay, loss and bottlenecks, and with the feedback that browsers send. */
import { describe, expect, test } from "vitest";
import { type Path, seeded } from "../../../bench/network/link.ts";
import { LOWEST_LEVEL } from "../../../src/shared/ladder.ts";
import { bytesIn, narrow, SimulatedNetwork } from "../../helpers/simulated-network.ts";
import { SimulatedViewer } from "../../helpers/simulated-viewer.ts";

const BITRATE = 3_400_000;

describe("a viewer receives the rendition that its network carries", () => {
  test.each<[string, Path]>([
    ["a LAN", { delay: 0.2 }],
    ["Wi-Fi that loses bursts", { delay: 2, jitter: 1, loss: 0.005, burst: 4 }],
    ["4G", { delay: 25, jitter: 10, loss: 0.01 }],
    ["a network that loses one packet in twenty", { delay: 25, loss: 0.05 }],
    ["the other side of the world", { delay: 200, jitter: 5 }],
    ["a link with some room", narrow(6_000_000)],
  ])("which is the full one over %s", (_, path) => {
    expect(new SimulatedViewer(path).watch(30).levels).toEqual([]);
  });

  test.each([
    [2_500_000, 1],
    [1_000_000, 3],
    [600_000, 3],
    [350_000, 4],
  ])("at %i bits per second, within seconds and permanently", (rate, level) => {
    const watched = new SimulatedViewer(narrow(rate)).watch(40);
    expect(watched.level).toBe(level);
    // A wrong first estimate is corrected soon, and no impossible level is tried.
    expect(watched.levels.at(-1)?.after).toBeLessThan(6000);
    expect(watched.longestPause(1000)).toBeLessThan(300);
    expect(watched.latency(2000)).toBeLessThan(120);
  });

  test("even if the queue holds a second", () => {
    const watched = new SimulatedViewer(narrow(1_000_000, 1000)).watch(30);
    expect(watched.level).toBe(3);
    expect(watched.latency(3000)).toBeLessThan(120);
  });

  test("which is a lower one while the network carries less, and a higher one when it recovers", () => {
    const rates = [5_000_000, 500_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new SimulatedViewer({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }).watch(10);
    expect(watched.level).toBe(0);
    watched.watch(10);
    expect(watched.level).toBeGreaterThan(2);
    const live = watched.shown.filter(({ captured, at }) => at - captured < 500);
    const begin = 1_000_000 + 10_000;
    const again = live.find(({ at }) => at > begin + 1000)?.at ?? Number.POSITIVE_INFINITY;
    expect(again - begin).toBeLessThan(2000);
    watched.watch(30);
    expect(watched.level).toBe(0);
    expect(watched.levels.length).toBeLessThan(8);
  });

  test("of a small picture too, with frames of one packet at the lowest level", () => {
    const rates = [5_000_000, 150_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new SimulatedViewer(
      { delay: 10, rates, queue: bytesIn(100, 5_000_000) },
      { bitrate: 1_000_000 },
    );
    watched.watch(20);
    expect(watched.level).toBeGreaterThan(2);
    watched.watch(8);
    expect(watched.level).toBe(0);
  });

  test("which is the full one for a still scene once there is room", () => {
    const rates = [5_000_000, 500_000, 5_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new SimulatedViewer({ delay: 10, rates, queue: bytesIn(100, 5_000_000) }).watch(15);
    expect(watched.level).toBeGreaterThan(2);
    watched.stand().watch(20);
    expect(watched.level).toBe(0);
  });

  test.each([
    [150_000, 1_000_000],
    [250_000, 1_200_000],
    [500_000, BITRATE],
  ])("permanently at %i bits per second, with a moving or still scene", (rate, bitrate) => {
    const watched = new SimulatedViewer(narrow(rate, 200), { bitrate }).watch(60);
    const before = watched.levels.length;
    expect(before).toBeLessThan(4);
    expect(watched.longestPause(5000)).toBeLessThan(300);
    watched.stand().watch(60);
    expect(watched.levels.length).toBe(before);
    expect(watched.latency(20_000)).toBeLessThan(120);
  });

  test("after a queue that overflowed, as soon as it has drained", () => {
    const rates = [20_000_000, 500_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new SimulatedViewer({ delay: 10, rates, queue: bytesIn(320, 500_000) }).watch(20);
    expect(watched.longestPause()).toBeLessThan(1000);
  });

  test("which is the same one after an outage of ten seconds", () => {
    const watched = new SimulatedViewer({ delay: 5 }, { gap: [5000, 15_000] }).watch(20);
    expect(watched.shown.find(({ at }) => at - 1_000_000 > 15_000)?.at).toBeLessThan(1_000_000 + 15_500);
    expect(watched.watch(10).level).toBe(0);
  });
});

describe("a server that receives a single rendition", () => {
  test("receives part of it on a slow link, and all of it once there is room", () => {
    const rates = [5_000_000, 1_500_000, 6_000_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const watched = new SimulatedViewer(
      { delay: 10, rates, queue: bytesIn(100, 5_000_000) },
      { adapts: false },
    );
    watched.watch(20);
    const narrowed = watched.shown.filter(({ at }) => at > 1_000_000 + 12_000).length;
    expect(narrowed).toBeGreaterThan(0);
    watched.watch(20);
    expect(watched.longestPause(25_000)).toBeLessThan(500);
    expect(watched.latency(25_000)).toBeLessThan(120);
  });
});

describe("below the lowest rendition", () => {
  test.each([500_000, 300_000, 100_000])("latency does not accumulate at %i bits per second", (rate) => {
    const viewer = new SimulatedViewer(narrow(rate, 200), { bitrate: 10_100_000 }).watch(120);
    expect(viewer.latency(5000, 0.95)).toBeLessThan(500);
    expect(viewer.longestPause(5000)).toBeLessThan(500);
  });

  test("the stream is live again within two seconds after the link recovers", () => {
    const rates = [100_000, 20_000_000].map((rate, n) => ({ from: n * 60_000, rate }));
    const viewer = new SimulatedViewer({ delay: 10, rates, queue: 50_000 }, { bitrate: 10_100_000 }).watch(
      60,
    );
    expect(viewer.level).toBe(LOWEST_LEVEL);
    viewer.watch(30);
    expect(viewer.latency(62_000, 0.9)).toBeLessThan(150);
    expect(viewer.longestPause(60_000)).toBeLessThan(1000);
    expect(viewer.level).toBe(0);
  });

  test("frames are left out on a link that carries half of it, and each that comes is recent", () => {
    const viewer = new SimulatedViewer(narrow(30_000, 1000)).watch(120);
    expect(viewer.shown.length).toBeGreaterThan(10);
    expect(viewer.latency(5000, 0.99)).toBeLessThan(4000);
  });
});

describe("the queue or loss of others", () => {
  const BESIDE = 1_500_000;

  test.each(
    [4_000_000, 10_000_000].flatMap((rate) => [100, 200, 400, 1000].map((queue) => [rate, queue] as const)),
  )(
    "a download at %i bits per second with a queue of %i ms leaves the stream half of its bits",
    (rate, queue) => {
      const network = new SimulatedNetwork(narrow(rate, queue));
      const viewer = new SimulatedViewer(network, { bitrate: BESIDE });
      const download = network.download(10_000, 50_000);
      network.pass(10);
      const before = viewer.sentBytes;
      network.pass(40);
      expect(((viewer.sentBytes - before) * 8) / 40).toBeGreaterThan(BESIDE / 2);
      expect((download.arrivedBytes * 8) / 40).toBeGreaterThan(rate / 2);
    },
  );

  test.each([
    [10, 60],
    [10, 200],
    [20, 320],
    [200, 10],
  ])("a route change from %i to %i ms costs no step down that lasts", (before, after) => {
    const delay = [before, after].map((one, n) => ({ from: n * 20_000, delay: one }));
    const viewer = new SimulatedViewer({ delay, jitter: 3 }).watch(60);
    expect(viewer.longestPause(20_000)).toBeLessThan(after + before + 200);
    expect(viewer.levels.filter(({ after: at }) => at > 24_000)).toEqual([]);
    expect(viewer.level).toBe(0);
  });

  test.each([0.1, 0.2])("random loss of %f does not make it swing", (loss) => {
    const viewer = new SimulatedViewer({ delay: 25, jitter: 2, loss }).watch(120);
    expect(viewer.levels.filter(({ after }) => after > 5000)).toEqual([]);
    expect(viewer.level).toBe(0);
  });

  test("a policer that drops two thirds is not tolerated", () => {
    const viewer = new SimulatedViewer(narrow(1_000_000, 15)).watch(20);
    expect(viewer.level).toBeGreaterThan(1);
    expect(viewer.longestPause(5000)).toBeLessThan(1000);
  });

  test.each([20, 40, 80])(
    "a radio that delivers every %i ms settles, and tries less and less",
    (arrivalsEvery) => {
      const viewer = new SimulatedViewer({ ...narrow(2_500_000, 300), arrivalsEvery }).watch(90);
      expect(viewer.levels.length).toBeLessThan(12);
      expect(viewer.longestPause(5000)).toBeLessThan(1000);
      expect(viewer.latency(5000)).toBeLessThan(arrivalsEvery + 100);
    },
  );
});

describe("without feedback", () => {
  test("a few seconds of it go on at the lowest bitrate", () => {
    const rates = [6_000_000, 300_000].map((rate, n) => ({ from: n * 10_000, rate }));
    const feedback = (elapsed: number) => (elapsed > 10_000 ? undefined : 0);
    const viewer = new SimulatedViewer({ delay: 10, rates, queue: 4_000_000 }, { feedback }).watch(13);
    const before = viewer.sentBytes;
    viewer.watch(9);
    expect(((viewer.sentBytes - before) * 8) / 9).toBeLessThan(100_000);
  });

  test("the full picture returns with it", () => {
    const feedback = (elapsed: number) => (elapsed > 10_000 && elapsed < 20_000 ? undefined : 0);
    const viewer = new SimulatedViewer(narrow(6_000_000), { feedback }).watch(40);
    expect(viewer.longestPause(9000)).toBeLessThan(500);
    expect(viewer.level).toBe(0);
  });

  test.each([0.3, 0.6])("losing %f of it costs nothing", (share) => {
    const random = seeded(3);
    const feedback = () => (random() < share ? undefined : 0);
    const viewer = new SimulatedViewer(narrow(6_000_000, 300), { feedback }).watch(40);
    expect(viewer.levels).toEqual([]);
  });
});

describe("viewers behind one bottleneck", () => {
  test.each([
    [4, 8_000_000, 100, 2],
    [4, 8_000_000, 400, 2],
    [8, 8_000_000, 200, 3],
  ])(
    "%i viewers at %i bits per second and a queue of %i ms share it within 1:%i",
    (count, rate, queue, most) => {
      const network = new SimulatedNetwork(narrow(rate, queue));
      const viewers = Array.from({ length: count }, () => new SimulatedViewer(network));
      network.pass(30);
      const before = viewers.map(({ sentBytes }) => sentBytes);
      network.pass(60);
      const shares = viewers.map(({ sentBytes }, n) => sentBytes - (before[n] ?? 0));
      expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(most);
      expect(Math.max(...viewers.map((viewer) => viewer.longestPause(30_000)))).toBeLessThan(1000);
    },
  );
});
