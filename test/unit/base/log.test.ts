import { describe, expect, test } from "vitest";
import { type LogLevel, logOf } from "../../../src/base/log.ts";

function logged(format: "pretty" | "json", level: LogLevel) {
  const lines: string[] = [];
  const log = logOf({ format, level, write: (text) => lines.push(text), timeOfDay: () => "12:00:00" });
  return { log, lines };
}

describe("the log", () => {
  test("writes a sentence with its time as pretty", () => {
    const { log, lines } = logged("pretty", "info");
    log("The folder is back.", { stream: "main" });
    expect(lines).toEqual(["12:00:00  The folder is back."]);
  });

  test("writes an object per line as JSON, with the fields that were given", () => {
    const { log, lines } = logged("json", "info");
    log("A viewer came.", { viewer: "3fa2", stream: "main", codec: undefined });
    const [{ time, ...said }] = lines.map((line) => JSON.parse(line)) as [Record<string, unknown>];
    expect(said).toEqual({ level: "info", msg: "A viewer came.", viewer: "3fa2", stream: "main" });
    expect(Number.isNaN(Date.parse(String(time)))).toBe(false);
  });

  test.each(["pretty", "json"] as const)("leaves out lines below its level, as %s", (format) => {
    const { log, lines } = logged(format, "warn");
    log("debug", { level: "debug" });
    log("info");
    log("warn", { level: "warn" });
    log("error", { level: "error" });
    expect(lines).toHaveLength(2);
    const all = logged(format, "debug");
    all.log("debug", { level: "debug" });
    expect(all.lines).toHaveLength(1);
  });

  test("escapes line ends as JSON, so that each entry stays one line", () => {
    const { log, lines } = logged("json", "info");
    log('a\nb "c"');
    expect(lines[0]).not.toContain("\n");
    expect(JSON.parse(lines[0] ?? "").msg).toBe('a\nb "c"');
  });
});
