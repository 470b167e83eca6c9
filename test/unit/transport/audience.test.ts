import { expect, test } from "vitest";
import { LocalAudience } from "../../../src/transport/audience/audience.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";
import { encodedFrame, FakeViewer } from "../../helpers/fakes.ts";

test("viewers without reports do not use up the report budget", async () => {
  const clock = new FakeClock();
  const viewers: FakeViewer[] = [];
  const audience = new LocalAudience(clock, async (answer, events) => {
    const viewer = new FakeViewer(events);
    viewer.takesReports = viewers.length === 0;
    viewers.push(viewer);
    return { answer, viewer };
  });
  const events = {
    connected() {},
    keyframeNeeded() {},
    wants() {},
    moved() {},
    received() {},
    reached() {},
    closed() {},
  };
  for (let n = 0; n < 600; n++) await audience.admit("offer", events);
  for (const viewer of viewers) viewer.events.connected();

  for (let number = 1; number <= 5; number++) {
    expect(await audience.send(encodedFrame(number, clock.now()))).toMatchObject({ packets: 1 });
  }
  for (const { frames } of viewers) expect(frames).toHaveLength(5);
  expect(viewers[0]?.reports.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(viewers[1]?.reports).toEqual([]);
});
