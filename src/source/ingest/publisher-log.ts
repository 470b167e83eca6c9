/** Limits the log lines about publishers: one that is refused may reconnect many times a second. */

import type { Clock, EpochMs, Millis } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";

const WINDOW: Millis = 60_000;
const MAX_LINES_PER_WINDOW = 10;

/** Returns a function that passes lines on to `log`, at most ten a minute, without control characters. */
export function publisherLog(clock: Clock, log: Log): Log {
  let windowStart: EpochMs | undefined;
  let lines = 0;
  return (line, fields) => {
    const now = clock.now();
    if (windowStart === undefined || now - windowStart >= WINDOW) {
      windowStart = now;
      lines = 0;
    }
    lines++;
    // A line may quote what a publisher sent.
    if (lines <= MAX_LINES_PER_WINDOW) log(line.replaceAll(/\p{Cc}/gu, "?"), fields);
    else if (lines === MAX_LINES_PER_WINDOW + 1)
      log("Publishers connect and leave too often to log each; the log continues in a minute.");
  };
}
