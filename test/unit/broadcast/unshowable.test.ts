import { expect, test } from "vitest";
import type { Log } from "../../../src/base/log.ts";
import { Refusals } from "../../../src/broadcast/unshowable.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

test("the decoder's own message about a bad picture is logged at debug only, in one short line", () => {
  const logged: Parameters<Log>[] = [];
  const refusals = new Refusals(new FakeClock(), (...line) => logged.push(line));
  const cause = new Error(`VipsJpeg: premature\nend\u202e of \u001b[31m${"evil ".repeat(1000)}`);
  for (let n = 0; n < 3; n++) refusals.refused("they are cut short", false, cause);
  expect(refusals.problem).toBe("The pictures that come cannot be shown: they are cut short.");
  expect(logged).toEqual([
    [refusals.problem, { level: "warn" }],
    [
      expect.stringMatching(/^The decoder says: VipsJpeg: premature end of \[31mevil [^\p{C}]{1,200}$/u),
      { level: "debug" },
    ],
  ]);
});
