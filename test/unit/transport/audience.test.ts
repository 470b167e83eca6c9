import { expect, test } from "vitest";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { SMALL_PAYLOAD } from "../../../src/transport/packets/packetizer.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame, FakeViewer } from "../../helpers/fakes.ts";

const events = {
  connected() {},
  keyframeNeeded() {},
  wants() {},
  moved() {},
  received() {},
  reached() {},
  closed() {},
};

test("each frame is sent to another viewer first: behind one bottleneck it finds the shortest queue", async () => {
  const clock = new FakeClock();
  const order: number[] = [];
  const audience = new LocalAudience(clock, async (answer, events) => {
    const viewer = new FakeViewer(events);
    const number = admitted++;
    viewer.send = () => order.push(number);
    connects.push(() => events.connected());
    return { answer, viewer };
  });
  let admitted = 0;
  const connects: (() => void)[] = [];
  for (let n = 0; n < 3; n++) await audience.admit("offer", events);
  for (const connect of connects) connect();
  for (let number = 1; number <= 4; number++) await audience.send(encodedFrame(number, clock.now()));
  expect(order).toEqual([0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2]);
});

test("viewers without reports do not use up the report budget", async () => {
  const clock = new FakeClock();
  const viewers: FakeViewer[] = [];
  const audience = new LocalAudience(clock, async (answer, events) => {
    const viewer = new FakeViewer(events);
    viewer.takesReports = viewers.length === 0;
    viewers.push(viewer);
    return { answer, viewer };
  });
  for (let n = 0; n < 600; n++) await audience.admit("offer", events);
  for (const viewer of viewers) viewer.events.connected();

  for (let number = 1; number <= 5; number++) {
    expect(await audience.send(encodedFrame(number, clock.now()))).toMatchObject({ packets: 1 });
  }
  for (const { frames } of viewers) expect(frames).toHaveLength(5);
  expect(viewers[0]?.reports.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(viewers[1]?.reports).toEqual([]);
});

test("only a viewer on a narrow path gets small packets, from a keyframe on, and one packetization serves all such viewers", async () => {
  const clock = new FakeClock();
  const viewers: FakeViewer[] = [];
  const audience = new LocalAudience(clock, async (answer, events) => {
    const viewer = new FakeViewer(events);
    viewers.push(viewer);
    return { answer, viewer };
  });
  let requests = 0;
  const keyframeNeeded = () => requests++;
  for (let n = 0; n < 3; n++) await audience.admit("offer", { ...events, keyframeNeeded });
  for (const viewer of viewers) viewer.events.connected();
  const [wide, narrow, narrowed] = viewers;
  if (!wide || !narrow || !narrowed) throw new Error("three viewers were admitted");
  const send = (number: number, type: "key" | "delta") =>
    audience.send({ ...encodedFrame(number, clock.now()), type, data: Buffer.alloc(3000) });
  narrow.isNarrow = true;
  await send(1, "key");
  narrowed.isNarrow = true;
  await send(2, "delta");
  await send(3, "delta");
  expect(requests).toBe(1);
  await send(4, "key");
  const largest = ({ frames }: FakeViewer) =>
    frames.map((packets) => Math.max(...packets.map(({ payload }) => payload.length)) > SMALL_PAYLOAD);
  expect(largest(wide)).toEqual([true, true, true, true]);
  expect(largest(narrow)).toEqual([false, false, false, false]);
  expect(largest(narrowed)).toEqual([true, true, true, false]);
  expect(narrowed.frames[3]).toBe(narrow.frames[3]);
  const indexes = narrow.frames.flat().map(({ index }) => index);
  expect(indexes).toEqual(indexes.map((_, n) => n));
});
