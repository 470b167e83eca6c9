import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * End-to-end suites that mostly wait, and whose bounds leave room for another suite beside them. What measures a time
 * on the screen, or how fast a stall is noticed, is not among them.
 */
const SIDE_BY_SIDE = [
  "addon-background",
  "addon-blender",
  "api",
  "autoplay",
  "background-blender",
  "cluster-intruder",
  "codecs",
  "control",
  "control-blender",
  "data",
  "dtls",
  "everybody",
  "foreign-read",
  "foreign-steer",
  "folder-loops",
  "forward",
  "hardware-trials",
  "ingest",
  "links",
  "metrics",
  "network-change",
  "operating",
  "package",
  "publishers",
  "python-client",
  "reach",
  "rebinding",
  "restart",
  "safari-simulated",
  "signaling-floods",
  "soak",
  "this-machine",
  "tls",
  "webkit",
].map((name) => `test/e2e/${name}.test.ts`);

/** The soak lasts far longer than any other suite: begun last, it would have nothing left beside it. */
class SoakFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (moduleId.endsWith("/soak.test.ts") ? 0 : 1);
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const endToEnd = {
  globalSetup: ["test/setup/parts.ts"],
  testTimeout: 60_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    sequence: { sequencer: SoakFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          // By default Vitest leaves a core free, which on a machine with two leaves no parallelism.
          maxWorkers: "100%",
          // More than half of the time went into starting a process for each file and loading its modules again.
          isolate: false,
          // No assertion on speed: the machine may be busy.
          testTimeout: 60_000,
          expect: { poll: { interval: 1 } },
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "e2e-side-by-side",
          include: SIDE_BY_SIDE,
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...endToEnd,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: SIDE_BY_SIDE,
          // The other suites need the cores to themselves: one at a time, after the rest.
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
