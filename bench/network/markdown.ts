/** Formats the results as the tables in docs/benchmarks.md. */
import type { Equal } from "./equal.ts";
import { LANES } from "./lanes.ts";
import type { Result } from "./run.ts";
import type { Outcome } from "./targets.ts";

/** Returns both tables. */
export function markdown(outcomes: readonly Outcome[], equal: readonly Equal[]): string {
  const rows = outcomes.flatMap(({ about, lanes }) =>
    lanes.map((result, n) => laneRow(n === 0 ? about : "", result)),
  );
  const equals = equal.map(({ share, ssim, vp8, jpeg }) =>
    [share, ssim.toFixed(4), (vp8 / 1000).toFixed(1), (jpeg / 1000).toFixed(1), (jpeg / vp8).toFixed(1)].map(
      String,
    ),
  );
  return [
    ...table(
      ["network", "lane", "median, ms", "p95, ms", "freezes", "longest, ms", "shown, %", "kbit/s", "SSIM"],
      rows,
    ),
    "",
    ...table(
      ["share of the default bitrate", "SSIM", "VP8, KB/frame", "JPEG, KB/frame", "JPEG / VP8"],
      equals,
    ),
    "",
  ].join("\n");
}

function laneRow(about: string, result: Result): string[] {
  const { median, p95, freezes, longest, frames, drawn, kilobits, ssim } = result;
  const number = (value: number, digits = 0) => (Number.isFinite(value) ? value.toFixed(digits) : "");
  return [
    about,
    LANES.find(({ name }) => name === result.lane)?.about ?? result.lane,
    ...[median, p95, freezes, longest, (100 * frames) / drawn, kilobits].map((value) => number(value)),
    number(ssim, 4),
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
