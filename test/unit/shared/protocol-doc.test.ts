import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { EpochMs } from "../../../src/base/clock.ts";
import { Broadcast } from "../../../src/broadcast/broadcast.ts";
import { Metrics } from "../../../src/broadcast/metrics.ts";
import { Seats } from "../../../src/broadcast/seats.ts";
import { EventStream } from "../../../src/http/event-stream.ts";
import type { SourceFrame } from "../../../src/media/frame.ts";
import { frameCodeCells, readFrameCode } from "../../../src/shared/frame-code.ts";
import { MultipartParser } from "../../../src/shared/multipart.ts";
import { MJPEG_BOUNDARY, type StreamInfo } from "../../../src/shared/protocol.ts";
import { IngestSource } from "../../../src/source/ingest/ingest.ts";
import { frameOf } from "../../../src/source/ingest/part.ts";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { MjpegStream } from "../../../src/transport/mjpeg.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeEncoder, FakePublisher, FakeResponse, FakeSink } from "../../helpers/fakes.ts";

const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");

/** The examples of one kind, by the language of their fence. */
function examples(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    ([, body = ""]) => body,
  );
}

test("the description on the page has exactly the fields of a real one", () => {
  const described: StreamInfo = JSON.parse(examples("json")[0] ?? "");
  const fields = [
    "name",
    "source",
    "state",
    "width",
    "height",
    "fps",
    "viewers",
  ] satisfies (keyof StreamInfo)[];
  expect(Object.keys(described)).toEqual(fields);
  expect(described.state.kind).toBe("live");
});

test("the timed part on the page is what the server sends, and what the player reads", async () => {
  const example = `${examples("http")[0]?.trimEnd()}\n`.replaceAll("\n", "\r\n");
  const [part] = new MultipartParser(MJPEG_BOUNDARY).read(Buffer.from(example));
  expect(Buffer.from(part?.body ?? []).toString()).toBe("JPEG");

  const clock = new FakeClock(1_795_370_000_126);
  const at = (header: string) => Number(part?.headers.get(header)) as ReturnType<typeof clock.now>;
  const timings = { captured: at("x-captured"), received: at("x-received"), decoded: at("x-decoded") };
  const response = new FakeResponse();
  const stream = new MjpegStream(clock);
  stream.add(response.asResponse, true, () => {});
  stream.send({ number: at("x-frame-number"), data: Buffer.from("JPEG"), timings });
  await settle();
  expect(response.text).toBe(example);
  stream.close();
});

describe("the publisher's request on the page", () => {
  const [head = "", ...rest] = (examples("http")[1] ?? "").split("\n\n");
  const body = Buffer.from(rest.join("\n\n").replaceAll("\n", "\r\n"));
  const boundary = /boundary=(\S+)/.exec(head)?.[1];
  const received = 1_795_370_000_200 as EpochMs;

  /** The frames in the page's table, one per row. */
  const said = [
    ...page.matchAll(/^\| (\d+) \| `([^`]+)`(?: (\d+)x(\d+))? \| `(.*?)` \| (.*?) \| (.*?) \|$/gm),
  ].map(([, number, type, width, height, data, captured, telemetry]) => ({
    number: Number(number),
    picture: width === undefined ? { type } : { format: type, width: Number(width), height: Number(height) },
    data,
    captured: captured === "time of receipt" ? received : Number(captured),
    telemetry: telemetry === "none" ? undefined : telemetry?.replaceAll("`", ""),
  }));
  const shortened = (frame: SourceFrame) => ({
    number: frame.number,
    picture:
      frame.kind === "image"
        ? { type: frame.type }
        : { format: frame.format, width: frame.width, height: frame.height },
    data: frame.data.toString(),
    captured: frame.timings.captured,
    telemetry: frame.telemetry,
  });

  const newSource = () =>
    new IngestSource({ maxBytes: 1000, maxPixels: 1000, stallAfter: 5000, clock: new FakeClock(received) });
  const publishTo = (source: IngestSource) => {
    const feed = source.publish(new FakePublisher("example", { boundary }), false);
    feed.push(body);
    expect(feed.end()).toBe(true);
  };

  test("is parsed into the frames in the page's table", () => {
    const parser = new MultipartParser(boundary);
    const frames: SourceFrame[] = [];
    for (const part of parser.read(body)) {
      const nextNumber = (frames.at(-1)?.number ?? 0) + 1;
      const frame = frameOf(part, { received, nextNumber, sameClock: true, maxPixels: 1000 });
      if (frame) frames.push(frame);
    }
    expect(parser.ended).toBe(true);
    expect(said).toHaveLength(2);
    expect(frames.map(shortened)).toEqual(said);
  });

  test("delivers these frames through the ingest source, which then ends", async () => {
    const sink = new FakeSink();
    const source = newSource();
    await source.start(sink);
    publishTo(source);
    expect(sink.frames.map(shortened)).toEqual(said);
    expect(sink.states.map(({ kind }) => kind)).toEqual(["waiting", "live", "ended"]);
    await source.close();
  });

  test("gives the telemetry event on the page", async () => {
    const source = newSource();
    const broadcast = new Broadcast({
      name: "main",
      source,
      clock: new FakeClock(received),
      metrics: new Metrics(() => []),
      seats: new Seats({ total: 1, perStream: 1, perAddress: 1 }),
      encoder: () => new FakeEncoder(),
      audience: new LocalAudience(new FakeClock(), () => Promise.reject(new Error("nobody watches"))),
      bitrate: undefined,
      maxPixels: 1000,
      log: () => {},
    });
    await broadcast.start();
    const response = new FakeResponse();
    const events = new EventStream(response.asResponse, new FakeClock(), () => {});
    broadcast.telemetry.follow((json) => events.send("telemetry", json));
    publishTo(source);
    await settle();
    expect(response.text).toBe(`${examples("sse")[1]}\n`);
    await broadcast.close();
  });

  test("has a row for the status of every answer", () => {
    const section = page.slice(0, page.indexOf("### Data without a picture"));
    const statuses = [...section.matchAll(/^\| (\d{3}(?:, \d{3})*) \|/gm)].flatMap(([, row = ""]) =>
      row.split(", "),
    );
    expect(statuses).toEqual(["400", "401", "403", "404", "408", "409", "413", "415", "503"]);
  });
});

test("the event on the page has the fields of the description", () => {
  const [, data = ""] = /^event: stream\ndata: (.*)\n$/.exec(examples("sse")[0] ?? "") ?? [];
  expect(Object.keys(JSON.parse(data))).toEqual(Object.keys(JSON.parse(examples("json")[0] ?? "")));
});

test("the frame code on the page encodes its frame's number", () => {
  const cells = examples("text")[0]?.replaceAll(/\s/g, "") ?? "";
  const number = Number(/^Frame (\d+):$/m.exec(page)?.[1]);
  expect(cells).toBe(frameCodeCells(number).map(Number).join(""));
  expect(readFrameCode([...cells].map((cell) => Number(cell) * 255))).toBe(number);
});
