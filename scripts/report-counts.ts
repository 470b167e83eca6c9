/**
 * Prints the counts of a test run, `N passed, N failed`, from Vitest's JSON report, as the last line of a CI run:
 * `node scripts/report-counts.ts FILE`. Ends with code 1 unless tests ran and all of them passed.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";

const reportSchema = z.object({
  success: z.boolean(),
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) }),
  ),
});

/** What came of the tests of a run. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts what a report says. A run or a file that failed without any test of its own failing counts as one failed. */
export function countTests(report: unknown): Counts {
  const run = reportSchema.parse(report);
  const brokenFiles = run.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const failed = run.numFailedTests + brokenFiles.length;
  return {
    passed: run.numPassedTests,
    failed: run.success ? failed : Math.max(failed, 1),
    skipped: run.numPendingTests + run.numTodoTests,
  };
}

/** The counts as the line that ends a CI run. */
export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const [file = ""] = process.argv.slice(2);
  const counts = countTests(JSON.parse(readFileSync(file, "utf8")));
  console.log(countsLine(counts));
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
}
