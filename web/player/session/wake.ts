/** Detects that the device slept: its timers were suspended, and the server has dropped the viewer. */
import type { Cancel, Timers } from "../playback/timers.ts";

const CHECK_INTERVAL_MS = 2000;
/** The server keeps a silent viewer for 20 s: after a shorter sleep the session may simply continue. */
const SLEEP_THRESHOLD_MS = 30_000;

/**
 * Calls `woke` after a sleep. Timers of a hidden page are throttled: that is no sleep.
 * @param now milliseconds on a clock that continues while the device sleeps; not every monotonic clock does.
 */
export function onWake(timers: Timers, now: () => number, hidden: () => boolean, woke: () => void): Cancel {
  let last = now();
  let wasHidden = hidden();
  return timers.every(CHECK_INTERVAL_MS, () => {
    const at = now();
    const slept = at - last > SLEEP_THRESHOLD_MS && !wasHidden && !hidden();
    last = at;
    wasHidden = hidden();
    if (slept) woke();
  });
}
