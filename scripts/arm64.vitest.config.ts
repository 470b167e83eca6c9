/** For suites under emulation: without programs of this machine, one at a time, and with patience. */
import { defineConfig } from "vitest/config";

const PATIENCE = 900_000;

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: PATIENCE,
    hookTimeout: PATIENCE,
    teardownTimeout: PATIENCE,
    fileParallelism: false,
    isolate: false,
    expect: { poll: { interval: 1 } },
  },
});
