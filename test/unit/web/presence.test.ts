import { describe, expect, test } from "vitest";
import { Presence, UNSEEN_DELAY_MS } from "../../../web/player/session/presence.ts";
import { onWake } from "../../../web/player/session/wake.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

function begin(seen: boolean) {
  const timers = new FakeClock();
  const changes: boolean[] = [];
  const presence: Presence = new Presence(timers, seen, () => changes.push(presence.seen));
  return { timers, changes, presence };
}

describe("presence", () => {
  test("lasts through a glance elsewhere", async () => {
    const { timers, changes, presence } = begin(true);
    presence.set(false);
    await timers.advance(UNSEEN_DELAY_MS - 1);
    presence.set(true);
    await timers.advance(60_000);
    expect(changes).toEqual([]);
    expect(presence.seen).toBe(true);
  });

  test("ends after a delay, however often it is set, and begins at once", async () => {
    const { timers, changes, presence } = begin(true);
    for (let n = 0; n < 5; n++) {
      presence.set(false);
      await timers.advance(UNSEEN_DELAY_MS / 5);
    }
    expect(changes).toEqual([false]);
    presence.set(true);
    presence.set(true);
    expect(changes).toEqual([false, true]);
    expect(timers.timers).toBe(0);
  });

  test("is absent from the start in a page that was opened in the background", () => {
    const { changes, presence } = begin(false);
    expect(presence.seen).toBe(false);
    presence.set(true);
    expect(changes).toEqual([true]);
  });
});

describe("onWake", () => {
  const watch = () => {
    const timers = new FakeClock();
    const device = { slept: 0, hidden: false };
    let woken = 0;
    const stop = onWake(
      timers,
      () => timers.now() + device.slept,
      () => device.hidden,
      () => woken++,
    );
    return { timers, device, stop, woken: () => woken };
  };

  test("reports a sleep once", async () => {
    const { timers, device, woken, stop } = watch();
    await timers.advance(60_000);
    expect(woken()).toBe(0);
    device.slept = 3_600_000;
    await timers.advance(60_000);
    expect(woken()).toBe(1);
    stop();
    expect(timers.timers).toBe(0);
  });

  test("does not report a short suspension or throttled timers as sleep", async () => {
    const { timers, device, woken } = watch();
    device.slept = 12_000;
    await timers.advance(10_000);
    device.hidden = true;
    await timers.advance(2000);
    device.slept += 60_000;
    await timers.advance(2000);
    device.hidden = false;
    device.slept += 60_000;
    await timers.advance(10_000);
    expect(woken()).toBe(0);
  });
});
