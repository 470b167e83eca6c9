/** What is logged: a line for people, with fields for programs. */
import pino from "pino";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a program may look for; never a secret. */
export interface LogFields {
  /** `info` where left out. */
  readonly level?: LogLevel;
  readonly stream?: string;
  /** The viewer's id, which its page is told too. */
  readonly viewer?: string;
  readonly [field: string]: string | number | undefined;
}

/** Takes one line at a time, a sentence or more. */
export type Log = (line: string, fields?: LogFields) => void;

export interface LogOptions {
  /** `pretty`: time and line; `json`: an object a line, as pino writes it. */
  readonly format: "pretty" | "json";
  /** The least that is written. */
  readonly level: LogLevel;
  /** Takes each line, without its end. */
  readonly write: (text: string) => void;
  /** Of now, for people: `HH:MM:SS`. */
  readonly timeOfDay: () => string;
}

export function logOf({ format, level, write, timeOfDay }: LogOptions): Log {
  const least = LOG_LEVELS.indexOf(level);
  const isWritten = (of: LogLevel) => LOG_LEVELS.indexOf(of) >= least;
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
  return (line, { level: of = "info", ...fields } = {}) => logger[of](fields, line);
}
