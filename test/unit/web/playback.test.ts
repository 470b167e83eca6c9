import { describe, expect, test } from "vitest";
import { streamOf } from "../../../web/common/route.ts";
import { bitrate, frameRate, milliseconds, size } from "../../../web/player/figures/format.ts";
import { RateMeter } from "../../../web/player/figures/rates.ts";
import { readTimes } from "../../../web/player/playback/report.ts";
import { Silence, Watchdog } from "../../../web/player/playback/watchdog.ts";
import { Backoff } from "../../../web/player/session/backoff.ts";
import { parseSource, timedMjpegUrl } from "../../../web/player/session/source-url.ts";
import { readInbound } from "../../../web/player/webrtc/webrtc.ts";

describe("Backoff", () => {
  test("doubles its delays up to the limit, and starts over after a success", () => {
    const backoff = new Backoff({ first: 5000, max: 60_000 });
    expect(Array.from({ length: 6 }, () => backoff.next())).toEqual([
      5000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ]);
    backoff.reset();
    expect(backoff.next()).toBe(5000);
  });

  test("spreads its delays by a quarter in both directions if there is a random source", () => {
    for (const [chance, wait] of [
      [0, 750],
      [0.5, 1000],
      [1, 1250],
    ] as const) {
      expect(new Backoff({ first: 1000, max: 9000, random: () => chance }).next()).toBe(wait);
    }
  });
});

describe("RateMeter", () => {
  const counters = (at: number, frames: number, bytes: number) => ({ at, frames, bytes });

  test("has frames and bits per second between samples", () => {
    const rates = new RateMeter();
    rates.add(counters(0, 0, 0));
    expect(rates.rates).toBeUndefined();
    rates.add(counters(1000, 30, 250_000));
    expect(rates.rates).toMatchObject({ fps: 30, bitrate: 2_000_000 });
  });

  test("looks back three seconds, no further", () => {
    const rates = new RateMeter();
    for (let second = 0; second <= 10; second++)
      rates.add(counters(second * 1000, second < 6 ? 0 : (second - 5) * 20, 0));
    expect(rates.rates?.fps).toBe(20);
  });

  test("has the rate of a source that takes seconds per frame, and lowers it while no frame arrives", () => {
    const rates = new RateMeter();
    for (let half = 0; half <= 20; half++) rates.add(counters(half * 500, Math.floor(half / 10), half));
    expect(rates.rates?.fps).toBeCloseTo(0.2);
    for (let half = 21; half <= 40; half++) rates.add(counters(half * 500, 2, 21));
    expect(rates.rates?.fps).toBeCloseTo(0.1);
    rates.pause();
    rates.add(counters(20_500, 2, 22));
    expect(rates.rates?.fps).toBe(0);
  });

  test("has no rate for the burst after the page was suspended", () => {
    const rates = new RateMeter();
    const at = (second: number, frames: number) => {
      rates.add(counters(second * 1000, frames, frames));
      return rates.rates?.fps;
    };
    expect([at(0, 0), at(1, 20)]).toEqual([undefined, 20]);
    expect([at(11, 30), at(11.5, 180), at(12, 230), at(12.5, 250)]).toEqual(Array(4).fill(undefined));
    expect([at(13, 260), at(14, 280)]).toEqual([20, 20]);
  });

  test("has the share of packets that never arrived, without late ones", () => {
    const rates = new RateMeter();
    rates.add({ ...counters(0, 0, 0), packets: 100, lost: 5 });
    expect(rates.rates?.loss).toBeUndefined();
    rates.add({ ...counters(1000, 20, 9), packets: 190, lost: 15 });
    expect(rates.rates?.loss).toBeCloseTo(0.1);
    rates.add({ ...counters(2000, 40, 18), packets: 290, lost: 2 });
    expect(rates.rates?.loss).toBe(0);
  });

  test("has the mean buffer and decode time of the frames in between", () => {
    const rates = new RateMeter();
    rates.add({ ...counters(0, 100, 0), bufferDelay: 1, bufferFrames: 100, decodeTime: 0.5 });
    rates.add({ ...counters(1000, 120, 0), bufferDelay: 1.2, bufferFrames: 120, decodeTime: 0.6 });
    expect(rates.rates?.buffer).toBeCloseTo(10);
    expect(rates.rates?.decode).toBeCloseTo(5);
  });

  test("starts over when counters decrease, and has no mean without frames", () => {
    const rates = new RateMeter();
    rates.add(counters(0, 500, 9000));
    rates.add(counters(1000, 10, 100));
    expect(rates.rates).toBeUndefined();
    rates.add({ ...counters(2000, 10, 100), decodeTime: 1 });
    expect(rates.rates).toMatchObject({ fps: 0, bitrate: 0, decode: undefined });
  });
});

describe("Silence", () => {
  /** The seconds at which a silence begins, given the bytes received by each second. */
  const begins = (fps: number | undefined, ...bytes: number[]) => {
    const silence = new Silence();
    const heard = bytes.map((bytes, second) => silence.begins({ at: second * 1000, bytes, frames: 1 }, fps));
    return heard.flatMap((silent, second) => (silent ? [second] : []));
  };

  test("begins after two seconds without bytes, and is reported once", () => {
    expect(begins(20, 1, 2, 3, 3, 3, 3, 3, 3)).toEqual([4]);
    expect(begins(20, 1, 1, 2, 2, 3, 3, 4)).toEqual([]);
  });

  test("is reported again after bytes have arrived", () => {
    expect(begins(20, 1, 1, 1, 1, 2, 2, 2, 2)).toEqual([2, 6]);
  });

  test("does not count the time that the page itself was suspended", () => {
    const silence = new Silence();
    const at = (second: number) => silence.begins({ at: second * 1000, bytes: 9, frames: 1 }, 20);
    expect([0, 1, 11, 12, 13, 14].map(at)).toEqual([false, false, false, false, true, false]);
  });

  test("is no silence if no frames are expected, or hardly any", () => {
    expect(begins(undefined, 1, 1, 1, 1, 1, 1)).toEqual([]);
    expect(begins(0.5, 1, 1, 1, 1, 1, 1)).toEqual([4]);
  });
});

describe("Watchdog", () => {
  /** Whether it gives up at each second, given the frames and bytes. */
  const watch = (fps: number | undefined, samples: [frames: number, bytes: number][]) => {
    const dog = new Watchdog();
    return samples.map(([frames, bytes], second) => dog.isStuck({ at: second * 1000, frames, bytes }, fps));
  };

  test("is quiet while frames arrive", () => {
    expect(
      watch(20, [
        [0, 0],
        [20, 9],
        [40, 18],
        [60, 27],
        [80, 36],
        [99, 45],
      ]),
    ).not.toContain(true);
  });

  test("gives up after three seconds of bytes without a frame", () => {
    const barks = watch(20, [
      [20, 9],
      [20, 10],
      [20, 11],
      [20, 12],
      [20, 13],
    ]);
    expect(barks).toEqual([false, false, false, false, true]);
  });

  test("gives up after six seconds without a frame from a live source", () => {
    const barks = watch(
      20,
      Array.from({ length: 8 }, () => [20, 9]),
    );
    expect(barks.indexOf(true)).toBe(6);
  });

  test("gives a slow render loop the time it takes", () => {
    expect(
      watch(
        0.25,
        Array.from({ length: 16 }, () => [20, 9]),
      ),
    ).not.toContain(true);
  });

  test("is quiet while no frames are expected, and starts over afterwards", () => {
    const dog = new Watchdog();
    const at = (second: number, fps: number | undefined) =>
      dog.isStuck({ at: second * 1000, frames: 20, bytes: 9 }, fps);
    for (let second = 0; second < 20; second++) expect(at(second, undefined)).toBe(false);
    for (let second = 20; second < 25; second++) expect(at(second, 30)).toBe(false);
    expect(at(25, 30)).toBe(true);
  });

  test("does not count the time that the page itself was suspended", () => {
    const dog = new Watchdog();
    const at = (second: number) => dog.isStuck({ at: second * 1000, frames: 20, bytes: 9 }, 20);
    for (const second of [0, 1, 2, 12, 13]) expect(at(second)).toBe(false);
    for (const second of [14, 15, 16, 17]) expect(at(second)).toBe(false);
    expect(at(18)).toBe(true);
  });
});

describe("readInbound", () => {
  test("reads the video's counters and the name of its codec", () => {
    const report = new Map([
      ["c", { id: "c", type: "codec", mimeType: "video/VP8" }],
      ["a", { id: "a", type: "inbound-rtp", kind: "audio", bytesReceived: 1 }],
      [
        "v",
        { id: "v", type: "inbound-rtp", kind: "video", codecId: "c", bytesReceived: 77, framesDecoded: 3 },
      ],
    ]);
    expect(readInbound(report, 5)).toMatchObject({ codec: "VP8", counters: { at: 5, bytes: 77, frames: 3 } });
  });

  test("is undefined before the first packet", () => {
    expect(readInbound(new Map(), 5)).toBeUndefined();
  });
});

describe("readTimes", () => {
  const headers = new Map([
    ["x-captured", "1790000000000.125"],
    ["x-received", "1790000000001"],
    ["x-sent", "1790000000004.5"],
  ]);

  test("reads the times of a part; decoded may be missing", () => {
    expect(readTimes(headers)).toMatchObject({ captured: 1790000000000.125, sent: 1790000000004.5 });
    expect(readTimes(headers)?.decoded).toBeUndefined();
    expect(readTimes(new Map([...headers, ["x-decoded", "1790000000002"]]))?.decoded).toBe(1790000000002);
  });

  test("reads nothing if a time is missing or no number", () => {
    expect(readTimes(new Map())).toBeUndefined();
    expect(readTimes(new Map([...headers, ["x-sent", "soon"]]))).toBeUndefined();
  });
});

describe("parseSource", () => {
  const base = "https://studio.example/watch/x";

  test("reads a stream of this server, of another one, and behind a proxy's path", () => {
    expect(parseSource("/streams/main", base)).toEqual({
      origin: "https://studio.example",
      prefix: "",
      stream: "main",
    });
    expect(parseSource("http://farm:8080/streams/cam%201/", base)).toEqual({
      origin: "http://farm:8080",
      prefix: "",
      stream: "cam 1",
    });
    expect(parseSource("/live/streams/main", base)?.prefix).toBe("/live");
  });

  test.each(["", "main", "/streams/", "/streams/a/b", "javascript:/streams/main", "/streams/%zz", "http://"])(
    "rejects %j",
    (src) => {
      expect(parseSource(src, base)).toBeUndefined();
    },
  );

  test("gives the address of the timed MJPEG stream", () => {
    const source = { origin: "http://farm:8080", prefix: "/live", stream: "cam 1" };
    expect(timedMjpegUrl(source)).toBe("http://farm:8080/live/streams/cam%201/mjpeg?timed");
  });
});

describe("streamOf", () => {
  test("names the stream of a page's address", () => {
    expect(streamOf({ pathname: "/", search: "" })).toBe("main");
    expect(streamOf({ pathname: "/", search: "?stream=cam%201" })).toBe("cam 1");
    expect(streamOf({ pathname: "/watch/cam%202", search: "" })).toBe("cam 2");
    expect(streamOf({ pathname: "/watch/%zz", search: "" })).toBe("main");
  });
});

describe("figures", () => {
  test("are written with readable digits", () => {
    expect([undefined, 0, 0.44, 9.94, 9.96, 41.4, 999.4, 1240].map(milliseconds)).toEqual([
      "–",
      "< 0.1 ms",
      "0.4 ms",
      "9.9 ms",
      "10 ms",
      "41 ms",
      "999 ms",
      "1.2 s",
    ]);
    expect([undefined, 0, 640_400, 999_600, 2_440_000].map(bitrate)).toEqual([
      "–",
      "0 kbit/s",
      "640 kbit/s",
      "1.0 Mbit/s",
      "2.4 Mbit/s",
    ]);
    expect([undefined, 0, 0.4, 29.97].map(frameRate)).toEqual(["–", "0 fps", "0.4 fps", "30 fps"]);
    expect([size(1280, 720), size(0, 0)]).toEqual(["1280 × 720", "–"]);
  });
});
