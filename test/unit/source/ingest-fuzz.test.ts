import { describe, expect, test } from "vitest";
import { frameBytes, type SourceFrame } from "../../../src/media/frame.ts";
import { MultipartError, MultipartParser } from "../../../src/shared/multipart.ts";
import { IngestSource } from "../../../src/source/ingest/ingest.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { FakePublisher, FakeSink } from "../../helpers/fakes.ts";
import { mutated, randomFrom } from "../../helpers/fuzz.ts";
import { CLOSING, IDLE, image, part, raw } from "../../helpers/multipart-writer.ts";

const ROUNDS = 1500;
const MAX_BYTES = 4000;
const MAX_PIXELS = 1000;
/** The longest headers of one part, which the parser may hold besides the part. */
const MAX_HEADER_BYTES = 65 * 20 * 1024;

const STREAM = Buffer.concat([
  image("the first picture", { "X-Frame-Number": "3", "X-Captured": "999999.5" }),
  IDLE,
  raw("rgba", 5, 3),
  part({ "Content-Type": "image/png", "X-Telemetry": '{"angle": 31.5, "name": "Sch\\u00fclter"}' }, "PNG"),
  raw("i420", 5, 3, Buffer.alloc(27, 9), "; rows=bottom-up"),
  // A part without a length.
  Buffer.from("--frame\r\nContent-Type: image/jpeg\r\n\r\nno length\r\n"),
  raw("nv12", 4, 4, Buffer.alloc(24, 1), "; rows=top-down"),
  CLOSING,
]);

const SCRAPS = [
  "\r\n",
  "\n",
  "\r",
  "--frame",
  "--frame--",
  "--",
  ":",
  ";",
  "=",
  "\0",
  "-1",
  "0",
  "99999999999999999999",
  "Content-Length: ",
  "X-Telemetry: [1]\r\n",
  "width=",
  "\u00ff\u00fe",
  '"',
].map((scrap) => Buffer.from(scrap, "latin1"));

/** The bytes in chunks cut anywhere. */
function* chunksOf(bytes: Buffer, random: (below: number) => number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random(random(2) === 0 ? 8 : 2000);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function expectSound(frame: SourceFrame): void {
  expect(Number.isSafeInteger(frame.number)).toBe(true);
  expect(frame.number).toBeGreaterThan(0);
  expect(frame.timings.captured).toBeLessThanOrEqual(frame.timings.received);
  if (frame.telemetry !== undefined) expect(JSON.parse(frame.telemetry)).toBeTypeOf("object");
  if (frame.kind === "image") expect(frame.data.length).toBeGreaterThan(0);
  else {
    expect(frame.width * frame.height).toBeLessThanOrEqual(MAX_PIXELS);
    expect(frame.data).toHaveLength(frameBytes(frame.format, frame.width, frame.height));
  }
  expect(frame.data.length).toBeLessThanOrEqual(MAX_BYTES);
}

describe("randomly mutated bodies", () => {
  test("either parse or fail with a MultipartError, and never buffer more than one part", () => {
    const random = randomFrom(11);
    const ends = { sound: 0, refused: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const allocate = (bytes: number) => {
        expect(bytes).toBeLessThanOrEqual(MAX_BYTES);
        return new Uint8Array(bytes);
      };
      const boundary = random(4) === 0 ? undefined : "frame";
      const parser = new MultipartParser(boundary, { maxPartBytes: MAX_BYTES, allocate });
      let held = 0;
      try {
        for (const chunk of chunksOf(mutated(STREAM, random, SCRAPS), random)) {
          const parts = [...parser.read(chunk)];
          for (const { body } of parts) expect(body.length).toBeLessThanOrEqual(MAX_BYTES);
          held = parts.length > 0 || parser.ended ? 0 : held + chunk.length;
          expect(held).toBeLessThan(MAX_BYTES + MAX_HEADER_BYTES);
        }
        ends.sound++;
      } catch (error) {
        expect(error).toBeInstanceOf(MultipartError);
        ends.refused++;
      }
    }
    expect(ends.sound).toBeGreaterThan(ROUNDS / 20);
    expect(ends.refused).toBeGreaterThan(ROUNDS / 20);
  });

  test("give valid frames or drop the publisher once, and never throw", async () => {
    const random = randomFrom(23);
    const clock = new FakeClock();
    const sink = new FakeSink();
    const source = new IngestSource({ maxBytes: MAX_BYTES, maxPixels: MAX_PIXELS, stallAfter: 5000, clock });
    await source.start(sink);
    const timers = clock.timers;
    const ends = { ended: 0, "cut off": 0, lost: 0, dropped: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const who = new FakePublisher("fuzzer", random(4) === 0 ? {} : { boundary: "frame" });
      const feed = source.publish(who, false);
      let framesWhenDropped: number | undefined;
      for (const chunk of chunksOf(mutated(STREAM, random, SCRAPS), random)) {
        feed.push(chunk);
        if (who.drops.length > 0) framesWhenDropped ??= sink.frames.length;
      }
      if (framesWhenDropped !== undefined) expect(sink.frames).toHaveLength(framesWhenDropped);
      expect(who.drops.length).toBeLessThanOrEqual(1);
      for (const { status } of who.drops) expect([400, 413, 415]).toContain(status);
      if (who.drops.length > 0) ends.dropped++;
      else if (random(4) === 0) {
        feed.lost();
        ends.lost++;
      } else if (feed.end()) ends.ended++;
      else ends["cut off"]++;
      for (const frame of sink.frames.splice(0)) expectSound(frame);
      expect(clock.timers).toBe(timers);
    }
    for (const count of Object.values(ends)) expect(count).toBeGreaterThan(ROUNDS / 50);
    // The next publisher is served in any case.
    const feed = source.publish(new FakePublisher(), false);
    feed.push(STREAM);
    expect(sink.frames).toHaveLength(6);
    expect(feed.end()).toBe(true);
    await source.close();
    expect(clock.timers).toBe(0);
  });

  test("with mutated part headers give a frame or drop the publisher", async () => {
    const random = randomFrom(37);
    const clock = new FakeClock();
    const sink = new FakeSink();
    const source = new IngestSource({ maxBytes: MAX_BYTES, maxPixels: MAX_PIXELS, stallAfter: 5000, clock });
    await source.start(sink);
    const head = Buffer.from(
      'Content-Type: application/x-raw-pixels; format=rgba; width=5; height=3; rows=bottom-up\r\nX-Frame-Number: 12\r\nX-Captured: 999990.25\r\nX-Telemetry: {"a": [1, 2.5, "x"]}\r\n',
    );
    const ends = { taken: 0, dropped: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const who = new FakePublisher();
      const feed = source.publish(who, false);
      feed.push(Buffer.from("--frame\r\nContent-Length: 60\r\n"));
      const broken = Buffer.from(head);
      for (let hits = random(3); hits >= 0; hits--) broken[random(broken.length)] = random(256);
      feed.push(broken);
      feed.push(Buffer.concat([Buffer.from("\r\n"), Buffer.alloc(60, 1), Buffer.from("\r\n"), CLOSING]));
      if (who.drops.length > 0) ends.dropped++;
      else if (sink.frames.length > 0) ends.taken++;
      feed.lost();
      for (const frame of sink.frames.splice(0)) expectSound(frame);
    }
    expect(ends.taken).toBeGreaterThan(ROUNDS / 20);
    expect(ends.dropped).toBeGreaterThan(ROUNDS / 20);
    await source.close();
  });
});
