import { describe, expect, test } from "vitest";
import {
  type BenchOption,
  type BenchUsage,
  parseOptions,
  shot,
  shots,
  someOf,
  wholeNumbers,
} from "../../../bench/options.ts";
import { whole } from "../../../src/config/checks.ts";

const networks = [
  { name: "lan", about: "a quick one" },
  { name: "4g", about: "a slow one" },
];
const usage = {
  command: "npm run bench:any",
  about: "whatever it measures",
  options: {
    seconds: { value: "N", help: "how long", default: "20", check: whole(1, 3600) },
    profile: { value: "NAME,...", help: "the networks", default: "lan,4g", check: someOf(["lan", "4g"]) },
    viewers: { value: "N,...", help: "how many", default: "1,10", check: wholeNumbers },
    shots: { value: "WxH@FPS,...", help: "the pictures", default: "480x270@20", check: shots },
  },
  choices: { Profiles: networks },
} satisfies BenchUsage<Record<string, BenchOption>>;

describe("a bench's command line", () => {
  test("has the defaults without options", () => {
    expect(parseOptions([], usage)).toEqual({
      values: {
        seconds: 20,
        profile: ["lan", "4g"],
        viewers: [1, 10],
        shots: [{ width: 480, height: 270, fps: 20 }],
      },
    });
  });

  test.each([[["--profile", "4g,lan"]], [["--profile=4g", "--profile", "lan"]]])(
    "accepts lists with commas, and repeated flags: %j",
    (argv) => {
      expect(parseOptions(argv, usage)).toMatchObject({ values: { profile: ["4g", "lan"] } });
    },
  );

  test("prints its options and choices with --help", () => {
    for (const argv of [["--help"], ["-h"], ["--seconds", "3", "--help"]]) {
      const parsed = parseOptions(argv, usage);
      const text = "help" in parsed ? parsed.help : "";
      expect(text).toContain("npm run bench:any [-- OPTIONS]: whatever it measures");
      expect(text).toMatch(/--seconds N +how long \(20\)/);
      expect(text).toMatch(/Profiles:\n {2}lan +a quick one\n {2}4g +a slow one/);
    }
  });

  test.each([
    [["--secs", "3"], "'--secs' is not an option of npm run bench:any; --help lists them all."],
    [["3"], "'3' is not an option of npm run bench:any; --help lists them all."],
    [["--seconds"], "--seconds needs a value; --help shows which."],
    [["--seconds", "0"], "--seconds takes a whole number from 1 to 3600, not '0'."],
    [["--seconds", "1", "--seconds", "2"], "--seconds takes a whole number from 1 to 3600, not '1,2'."],
    [["--profile", "moon"], "--profile takes some of lan, 4g, separated by commas, not 'moon'."],
    [["--viewers", "1,x"], "--viewers takes whole numbers separated by commas, not '1,x'."],
    [["--shots", "480x270"], "--shots takes a size and a frame rate such as 480x270@20, not '480x270'."],
  ])("says in one sentence what is wrong with %j", (argv, problem) => {
    expect(parseOptions(argv, usage)).toEqual({ problem });
  });

  test("accepts only one picture for an option that takes one", () => {
    expect(shot.safeParse("480x270@20,1x1@1").success).toBe(false);
  });
});
