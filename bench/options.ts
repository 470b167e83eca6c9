/** The command line of every bench: one table per bench for parsing, `--help` and error messages. */
import { parseArgs } from "node:util";
import { z } from "zod";

/** One option. Its key is its flag. */
export interface BenchOption<Value = unknown> {
  /** The value's placeholder in the help. */
  readonly value: string;
  readonly help: string;
  /** As written on the command line. */
  readonly default: string;
  /** Its message completes "--flag takes ...". */
  readonly check: z.ZodType<Value>;
}

/** A value that an option accepts. */
export interface Choice {
  readonly name: string;
  readonly about: string;
}

/** A bench's usage. */
export interface BenchUsage<Options extends Readonly<Record<string, BenchOption>>> {
  /** Its command, such as `npm run bench:network`. */
  readonly command: string;
  /** What it measures. */
  readonly about: string;
  readonly options: Options;
  /** Values to choose from, under headings such as `Profiles`. */
  readonly choices?: Readonly<Record<string, readonly Choice[]>>;
}

type Values<Options extends Readonly<Record<string, BenchOption>>> = {
  readonly [Name in keyof Options]: z.output<Options[Name]["check"]>;
};

/** Whole numbers separated by commas. */
export const wholeNumbers = z
  .string()
  .regex(/^[1-9]\d{0,5}(,[1-9]\d{0,5})*$/, "whole numbers separated by commas")
  .transform((text) => text.split(",").map(Number));

/** A size in pixels and a frame rate, such as `480x270@20`. */
export const shot = z
  .string()
  .regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}@[1-9]\d{0,2}$/, "a size and a frame rate such as 480x270@20")
  .transform((text) => {
    const [width = 0, height = 0, fps = 0] = text.split(/[x@]/).map(Number);
    return { width, height, fps };
  });

/** Several {@link shot}s separated by commas. */
export const shots = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(shot));

/** Some of these names, separated by commas. */
export function someOf<Name extends string>(names: readonly Name[]): z.ZodType<readonly Name[]> {
  const isKnown = (text: string): text is Name => (names as readonly string[]).includes(text);
  return z
    .string()
    .transform((text) => text.split(","))
    .refine(
      (list): list is Name[] => list.every(isKnown),
      `some of ${names.join(", ")}, separated by commas`,
    );
}

/**
 * Parses a command line, without node and script. Repeating an option appends to its list.
 * @returns the values; or the help or a problem to print instead
 */
export function parseOptions<Options extends Readonly<Record<string, BenchOption>>>(
  argv: readonly string[],
  usage: BenchUsage<Options>,
): { readonly values: Values<Options> } | { readonly help: string } | { readonly problem: string } {
  const { options } = usage;
  const known = Object.keys(options).map((name) => [name, { type: "string", multiple: true }] as const);
  const { tokens } = parseArgs({
    args: [...argv],
    options: { ...Object.fromEntries(known), help: { type: "boolean", short: "h" } },
    strict: false,
    tokens: true,
  });
  const given = new Map<string, string>();
  const unknown = (what: string) => ({
    problem: `'${what}' is not an option of ${usage.command}; --help lists them all.`,
  });
  for (const token of tokens) {
    if (token.kind === "positional") return unknown(token.value);
    if (token.kind === "option-terminator") continue;
    const { name, value, rawName } = token;
    if (name === "help") return { help: helpOf(usage) };
    if (!(name in options)) return unknown(rawName);
    if (value === undefined) return { problem: `${rawName} needs a value; --help shows which.` };
    given.set(name, given.has(name) ? `${given.get(name)},${value}` : value);
  }
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const text = given.get(name) ?? option.default;
    const checked = option.check.safeParse(text);
    if (!checked.success)
      return { problem: `--${name} takes ${checked.error.issues[0]?.message}, not '${text}'.` };
    values[name] = checked.data;
  }
  return { values: values as Values<Options> };
}

/** Parses this process's options. Exits with 0 after printing the help, and with 2 on an error. */
export function readOptions<Options extends Readonly<Record<string, BenchOption>>>(
  usage: BenchUsage<Options>,
): Values<Options> {
  const parsed = parseOptions(process.argv.slice(2), usage);
  if ("values" in parsed) return parsed.values;
  if ("help" in parsed) {
    console.log(parsed.help);
    process.exit(0);
  }
  console.error(parsed.problem);
  process.exit(2);
}

function helpOf({
  command,
  about,
  options,
  choices = {},
}: BenchUsage<Readonly<Record<string, BenchOption>>>) {
  const rows = Object.entries(options).map(
    ([name, { value, help, default: fallback }]): Choice => ({
      name: `--${name} ${value}`,
      about: `${help} (${fallback})`,
    }),
  );
  return [
    `${command} [-- OPTIONS]: ${about}`,
    "",
    "Options (default):",
    ...listed([...rows, { name: "--help", about: "show this" }]),
    ...Object.entries(choices).flatMap(([heading, choice]) => ["", `${heading}:`, ...listed(choice)]),
    "",
  ].join("\n");
}

function listed(rows: readonly Choice[]): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length)) + 2;
  return rows.map(({ name, about }) => `  ${name.padEnd(width)}${about}`);
}
