import { describe, expect, test } from "vitest";
import { EventStream } from "../../../src/http/event-stream.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";
import { FakeResponse } from "../../helpers/fakes.ts";

function open(room?: number) {
  const response = new FakeResponse(room);
  const clock = new FakeClock();
  let gone = 0;
  const events = new EventStream(response.asResponse, clock, () => gone++);
  return { response, events, clock, gone: () => gone };
}

describe("server-sent events", () => {
  test("are written one by one in the standard's format, and are not cached", async () => {
    const { response, events } = open();
    events.send("stream", '{"viewers":1}');
    events.send("stream", '{"viewers":2}');
    await settle();
    expect(response.text).toBe(
      'event: stream\ndata: {"viewers":1}\n\nevent: stream\ndata: {"viewers":2}\n\n',
    );
    expect(response.headers).toMatchObject({
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
    });
  });

  test("are skipped while a client does not read, except the newest of each name", async () => {
    const { response, events } = open(50);
    response.pause();
    events.send("stream", '"what filled its room, longer than fifty bytes"');
    for (let n = 1; n <= 1000; n++) events.send("stream", String(n));
    events.send("other", '"once"');
    expect(response.writableLength).toBeLessThan(200);
    response.resume();
    await settle();
    expect([...response.text.matchAll(/data: (.*)/g)].map(([, data]) => data)).toEqual([
      '"what filled its room, longer than fifty bytes"',
      "1000",
      '"once"',
    ]);
    events.send("stream", "1001");
    await settle();
    expect(response.text).toMatch(/data: 1001\n\n$/);

    // An event that was sent is not sent again after the next pause.
    response.pause();
    events.send("stream", '"fills its room once more, longer than fifty bytes"');
    response.resume();
    await settle();
    expect(response.text.match(/data: 1000\n/g)).toHaveLength(1);
  });

  test("report once that the client left, and then write nothing", async () => {
    const { response, events, gone } = open();
    response.destroy(new Error("reset"));
    await settle();
    events.send("stream", "1");
    await settle();
    expect(gone()).toBe(1);
    expect(response.text).toBe("");
  });

  test("include regular comments that test a quiet connection, and leave no timer", async () => {
    const { response, clock, gone } = open();
    await clock.advance(30_000);
    expect(response.text).toBe(":\n\n:\n\n");
    response.destroy();
    await settle();
    expect([gone(), clock.timers]).toEqual([1, 0]);
  });

  test("end if the client reads nothing for 30 seconds, but not if it is slow", async () => {
    const { response, events, clock, gone } = open(50);
    const fill = () => events.send("stream", '"what fills its room, longer than fifty bytes in all"');
    for (let n = 0; n < 5; n++) {
      response.pause();
      fill();
      await clock.advance(12_000);
      expect(gone()).toBe(0);
      response.resume();
      await settle();
    }
    response.pause();
    fill();
    await clock.advance(30_000);
    expect([gone(), clock.timers]).toEqual([1, 0]);
  });
});
