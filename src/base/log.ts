/** The log: each entry is a line for people, with fields for programs. */
import pino from "pino";

/** The levels, the least important first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** How important a log line is. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields of a log line for programs. They never hold secrets. */
export interface LogFields {
  /** Default: `info`. */
  readonly level?: LogLevel;
  readonly stream?: string;
  /** The id of the viewer, which its page knows too. */
  readonly viewer?: string;
  readonly [field: string]: string | number | undefined;
}

/** Logs one line: one or more sentences. */
export type Log = (line: string, fields?: LogFields) => void;

/** @returns the log of one stream: each line gets the field `stream`. */
export function streamLog(log: Log, stream: string): Log {
  return (line, fields) => log(line, { stream, ...fields });
}

/** Lines logged so far, by level. */
export type LineCounts = Readonly<Record<LogLevel, number>>;

/** @returns a log that passes all lines on, and what counts them. */
export function countedLog(log: Log): { readonly log: Log; readonly counts: () => LineCounts } {
  const counts = { debug: 0, info: 0, warn: 0, error: 0 };
  return {
    log: (line, fields) => {
      counts[fields?.level ?? "info"]++;
      log(line, fields);
    },
    counts: () => counts,
  };
}

/** Where the log goes, and how. */
export interface LogOptions {
  /** `pretty`: time and line. `json`: one object per line, written by pino. */
  readonly format: "pretty" | "json";
  /** The lowest level that is written. */
  readonly level: LogLevel;
  /** Writes a line, which has no line end. */
  readonly write: (text: string) => void;
  /** The current time for people, as `HH:MM:SS`. */
  readonly timeOfDay: () => string;
}

/** Creates a log. */
export function logOf({ format, level, write, timeOfDay }: LogOptions): Log {
  const lowest = LOG_LEVELS.indexOf(level);
  const isWritten = (line: LogLevel) => LOG_LEVELS.indexOf(line) >= lowest;
  if (format === "pretty") {
    return (line, fields) => {
      if (isWritten(fields?.level ?? "info")) write(`${timeOfDay()}  ${line}`);
    };
  }
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (text: string) => write(text.trimEnd()) },
  );
  return (line, { level: lineLevel = "info", ...fields } = {}) => logger[lineLevel](fields, line);
}
