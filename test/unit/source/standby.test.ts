import { describe, expect, test } from "vitest";
import { IngestSource } from "../../../src/source/ingest/ingest.ts";
import { StandbySource } from "../../../src/source/standby.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { FakePublisher, FakeSink, FakeSource } from "../../helpers/fakes.ts";
import { IDLE, image } from "../../helpers/multipart-writer.ts";
import { plain } from "../../helpers/pictures.ts";

function make() {
  const clock = new FakeClock();
  const standby = new FakeSource();
  const publishers = new IngestSource({ maxBytes: 1000, maxPixels: 1000, stallAfter: 5000, clock });
  const source = new StandbySource(standby, publishers);
  const sink = new FakeSink();
  const publish = (takeover = false) => publishers.publish(new FakePublisher("publisher at home"), takeover);
  return { clock, standby, publishers, source, sink, publish };
}

async function start() {
  const made = make();
  await made.source.start(made.sink);
  const { standby, sink } = made;
  standby.sink?.state({ kind: "live", since: 1, run: 1 });
  const draw = (number: number) => standby.sink?.frame(plain(4, 4, [1, 2, 3], number));
  const shown = () => sink.frames.map((frame) => (frame.kind === "raw" ? "drawn" : frame.data.toString()));
  return { ...made, draw, shown };
}

describe("a stand-in", () => {
  test("is shown until a publisher has a picture, and never again", async () => {
    const { source, standby, sink, publish, draw, shown } = await start();
    expect(source.label).toBe("fake source");
    draw(1);
    const first = publish();
    first.push(IDLE);
    draw(2);
    expect(source.label).toBe("fake source");
    expect(standby.closed).toBe(false);

    first.push(image("1"));
    draw(3);
    first.end();
    draw(4);
    publish().push(image("2"));
    expect(shown()).toEqual(["drawn", "drawn", "1", "2"]);
    expect(source.label).toBe("publisher at home");
    expect(standby.closed).toBe(true);
    expect(sink.states.map(({ kind }) => kind)).toEqual(["live", "live", "ended", "live"]);
    expect(sink.states.at(-1)).toMatchObject({ run: 2 });
  });

  test("stays shown if publishers leave or fail without a picture", async () => {
    const { sink, publish } = await start();
    publish().lost();
    const feed = publish();
    feed.push(Buffer.from("nonsense\r\n"));
    expect(sink.states).toEqual([{ kind: "live", since: 1, run: 1 }]);
  });

  test("has its states ignored once a publisher has a picture", async () => {
    const { standby, sink, publish } = await start();
    publish().push(image("1"));
    const told = sink.states.length;
    standby.sink?.state({ kind: "crashed", since: 2 });
    expect(sink.states).toHaveLength(told);
  });

  test("is not started if a publisher has a picture first", async () => {
    const { source, standby, sink, publish } = make();
    publish().push(image("1"));
    await source.start(sink);
    expect(standby.sink).toBeUndefined();
    expect(sink.states.map(({ kind }) => kind)).toEqual(["live"]);
    expect(source.label).toBe("publisher at home");
  });

  test("is told whether somebody watches until a publisher is, so that the publisher can stall", async () => {
    const { clock, source, standby, sink, publish } = await start();
    source.demand(true);
    source.demand(false);
    expect(standby.demands).toEqual([true, false]);
    publish().push(image("1"));
    source.demand(true);
    expect(standby.demands).toEqual([true, false]);
    await clock.advance(6000);
    expect(sink.states.at(-1)?.kind).toBe("stalled");
  });

  test("passes earlier demand on to the publishers, so that they can stall", async () => {
    const { clock, source, sink, publish } = await start();
    source.demand(true);
    publish().push(image("1"));
    await clock.advance(6000);
    expect(sink.states.at(-1)?.kind).toBe("stalled");
  });

  test("has refused publishers included in its counters", async () => {
    const { source, publish } = await start();
    publish().push(Buffer.from("nonsense\r\n"));
    expect(source.counters()).toEqual({ taken: 0, malformed: 1 });
    publish().push(image("1"));
    expect(source.counters()).toEqual({ taken: 1, malformed: 1 });
  });

  test.each([false, true])(
    "is closed with the publishers (one had a picture: %s), and leaves no timer",
    async (taken) => {
      const { clock, source, standby, sink, publish } = await start();
      const feed = publish();
      if (taken) feed.push(image("1"));
      await source.close();
      expect(standby.closed).toBe(true);
      expect(clock.timers).toBe(0);
      const told = sink.frames.length;
      feed.push(image("2"));
      expect(sink.frames).toHaveLength(told);
    },
  );
});
