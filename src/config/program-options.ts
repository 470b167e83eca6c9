/** The types of a program's options, made from the table of options. */
import { z } from "zod";
import { OPTION_GROUPS, type Option } from "./options.ts";

/** The command line's own: a program takes the log as lines, and decides itself when to stop. */
const COMMAND_LINE_ONLY = ["log-format", "log-level", "drain"];

/** Placeholders of numbers, and of lists. */
const NUMBERS = ["PORT", "N", "SECONDS", "KBITS", "MIB"];
const LISTS = ["LIST", "ADDRESSES", "URLS", "NAMES", "ORIGINS", "TARGETS"];

/** The name of a flag's option in a program, such as `rtcPort` for `rtc-port`. */
export function programNameOf(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Whether a program has the option. */
export function isForPrograms({ flag }: Option): boolean {
  return !COMMAND_LINE_ONLY.includes(flag);
}

/** The text of src/api/options.ts. */
export function programOptions(): string {
  const groups = Object.entries<Readonly<Record<string, Option>>>(OPTION_GROUPS).flatMap(
    ([title, options]) => [
      "",
      `  // ---- ${title} ----`,
      ...Object.values(options).filter(isForPrograms).flatMap(linesOf),
    ],
  );
  return [
    "/**",
    " * The options of a program that starts a server. Written by `npm run write-options` from `src/config/options.ts`:",
    " * edit that file.",
    " */",
    'import type { LogLine } from "./types.ts";',
    "",
    "/** The options of `startRendercast`: those of the command line. Secrets belong in variables, not in code. */",
    "export interface RendercastOptions {",
    "  /** Takes the lines of the log. Default: nothing is logged. */",
    "  readonly log?: LogLine;",
    ...groups,
    "}",
    "",
  ].join("\n");
}

function linesOf(option: Option): string[] {
  const { help } = option;
  const isStated = option.default === undefined || option.value === undefined;
  const fallback = isStated ? "" : ` Default: ${option.default}.`;
  const sentence = `${help[0]?.toUpperCase()}${help.slice(1)}.${fallback}`;
  return [
    `  /** ${sentence} */`,
    `  readonly ${programNameOf(option.flag)}?: ${typeOf(option)} | undefined;`,
  ];
}

function typeOf({ value, check }: Option): string {
  if (value === undefined) return "boolean";
  if (check instanceof z.ZodEnum) return check.options.map((word) => `"${word}"`).join(" | ");
  if (NUMBERS.includes(value)) return "number";
  return LISTS.includes(value) ? "string | readonly string[]" : "string";
}
