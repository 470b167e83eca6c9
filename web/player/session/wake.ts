/** Notices that the device slept: its timers stood still, and the server has long given the viewer up. */
import type { Cancel, Timers } from "../playback/timers.ts";

const LOOK_EVERY = 2000;
/** The server keeps who is silent for twenty seconds; sooner than that everything may go on as it was. */
const SLEPT = 30_000;

/**
 * Calls `woke` after a sleep. A hidden page's timers are slow without any.
 * @param now milliseconds on a clock that goes on while the device sleeps, as not every monotonic one does.
 */
export function onWake(timers: Timers, now: () => number, hidden: () => boolean, woke: () => void): Cancel {
  let last = now();
  let wasHidden = hidden();
  return timers.every(LOOK_EVERY, () => {
    const at = now();
    const slept = at - last > SLEPT && !wasHidden && !hidden();
    last = at;
    wasHidden = hidden();
    if (slept) woke();
  });
}
