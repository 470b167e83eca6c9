/** Logs who publishes, in a few lines however often publishers come and go. */
import type { Clock, EpochMs, Millis } from "../../base/clock.ts";

const WINDOW: Millis = 60_000;
const LINES_A_WINDOW = 10;

/** Passes lines on, but no more than ten a minute: a publisher may be refused and come again many times a second. */
export function publisherNews(clock: Clock, log: (line: string) => void): (line: string) => void {
  let began: EpochMs | undefined;
  let lines = 0;
  return (line) => {
    const now = clock.now();
    if (began === undefined || now - began >= WINDOW) {
      began = now;
      lines = 0;
    }
    lines++;
    // What a publisher has sent may be quoted in it.
    if (lines <= LINES_A_WINDOW) log(line.replaceAll(/\p{Cc}/gu, "?"));
    else if (lines === LINES_A_WINDOW + 1)
      log("Publishers come and go too often to tell of each; more in a minute.");
  };
}
