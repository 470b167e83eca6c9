import { expect, test } from "vitest";
import { countsLine, countTests } from "../../../scripts/report-counts.ts";

const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

test("counts the tests of a run that passed", () => {
  const counts = countTests({ ...none, success: true, numPassedTests: 12 });
  expect(countsLine(counts)).toBe("12 passed, 0 failed");
});

test("counts skipped tests and todo tests", () => {
  const counts = countTests({
    ...none,
    success: true,
    numPassedTests: 3,
    numPendingTests: 2,
    numTodoTests: 1,
  });
  expect(countsLine(counts)).toBe("3 passed, 0 failed, 3 skipped");
});

test("counts a file that did not load as one more failed test", () => {
  const testResults = [
    { status: "failed", assertionResults: [{ status: "passed" }, { status: "failed" }] },
    { status: "failed", assertionResults: [] },
    { status: "passed", assertionResults: [{ status: "passed" }] },
  ];
  const counts = countTests({ ...none, success: false, numPassedTests: 2, numFailedTests: 1, testResults });
  expect(countsLine(counts)).toBe("2 passed, 2 failed");
});

test("counts a run that failed outside its tests as one failed test", () => {
  expect(countsLine(countTests({ ...none, success: false, numPassedTests: 5 }))).toBe("5 passed, 1 failed");
});
