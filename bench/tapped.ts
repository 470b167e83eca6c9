/** The built-in scene as a source that records when each frame was complete. */

import { systemClock } from "../src/base/clock.ts";
import type { RawFrame } from "../src/media/frame.ts";
import { patternSource } from "../src/source/pattern/pattern.ts";
import type { Source } from "../src/source/source.ts";

/**
 * Wraps the built-in scene.
 * @param captured gets the time at which the pixels of each frame were complete, by frame number
 * @param also is called with each frame before it is passed on
 */
export function tappedPattern(
  about: { readonly width: number; readonly height: number; readonly fps: number },
  captured: Map<number, number>,
  also: (frame: RawFrame) => void = () => {},
): Source {
  const pattern = patternSource({ ...about, clock: systemClock });
  return {
    label: pattern.label,
    start: (sink) =>
      pattern.start({
        state: (state) => sink.state(state),
        problem: (sentence) => sink.problem(sentence),
        frame(frame) {
          captured.set(frame.number, frame.timings.captured);
          if (frame.kind === "raw") also(frame);
          sink.frame(frame);
        },
      }),
    demand: (watched) => pattern.demand(watched),
    counters: () => pattern.counters(),
    close: () => pattern.close(),
  };
}
