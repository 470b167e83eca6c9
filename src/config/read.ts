/** Reads the flags of the command line, as far as parseArgs does, and explains what npm does to them. */
import { parseArgs } from "node:util";
import { UsageError } from "../base/errors.ts";
import { OPTIONS, type Option } from "./options.ts";

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The values of the flags given, by flag without dashes; "true" for a switch. */
export type Flags = Readonly<Record<string, string>>;

type Syntax = Readonly<Record<string, { readonly type: "string" | "boolean"; readonly short?: string }>>;

const SYNTAX: Syntax = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  ...Object.fromEntries(
    Object.values<Option>(OPTIONS).map(({ flag, value }) => [
      flag,
      { type: value === undefined ? ("boolean" as const) : ("string" as const) },
    ]),
  ),
};

/**
 * Splits the command line into flags. A .blend file without a flag is the value of `--scene`.
 * @throws {UsageError} for anything that is not an option.
 */
export function readFlags(argv: readonly string[], env: Environment): Flags {
  const { values, positionals } = parse(argv);
  const [scene, surplus] = positionals;
  if (values.scene !== undefined && scene !== undefined) throw unknownArgument(scene, env);
  if (scene !== undefined && !scene.endsWith(".blend")) throw notAScene(scene, env);
  if (surplus !== undefined) throw unknownArgument(surplus, env);
  const given = Object.entries(values).map(([flag, value]) => [flag, String(value)]);
  return { ...(scene === undefined ? {} : { scene }), ...Object.fromEntries(given) };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: joinDashedValues(argv), options: SYNTAX, allowPositionals: true });
  } catch (error) {
    const flag = /'(-[^' =]*)/.exec(error instanceof Error ? error.message : "")?.[1] ?? "an option";
    const known = SYNTAX[flag.replace(/^-+/, "")]?.type;
    const problem = {
      string: "needs a value; --help shows which.",
      boolean: "is a switch, and takes no value.",
      none: "is not an option; --help lists them all.",
    }[known ?? "none"];
    throw new UsageError(`${flag} ${problem}`);
  }
}

/** Joins a value that begins with a dash, such as -3, to its flag: parseArgs would read it as another flag. */
function joinDashedValues(argv: readonly string[]): string[] {
  const isFlag = (text: string) =>
    text === "--" || /^-[a-z]$/.test(text) || (/^--([a-z-]+)/.exec(text)?.[1] ?? "") in SYNTAX;
  const args: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const flag = argv[at] ?? "";
    const value = argv[at + 1];
    const takesValue = flag.startsWith("--") && SYNTAX[flag.slice(2)]?.type === "string";
    if (takesValue && value?.startsWith("-") && !isFlag(value)) {
      args.push(`${flag}=${value}`);
      at++;
    } else {
      args.push(flag);
    }
  }
  return args;
}

function unknownArgument(argument: string, env: Environment): UsageError {
  const flag = flagKeptByNpm(env);
  const advice = flag === undefined ? "--help lists them all." : `write npm start -- --${flag} ...`;
  return new UsageError(`'${argument}' is not an option; ${advice}`);
}

function notAScene(argument: string, env: Environment): UsageError {
  if (flagKeptByNpm(env) !== undefined) return unknownArgument(argument, env);
  if (argument.endsWith(".py"))
    return new UsageError(`'${argument}' is a script: write --script ${argument}.`);
  return new UsageError(
    `'${argument}' is not a .blend file, and only those can be given without a flag; --help lists the options.`,
  );
}

/** npm takes flags that stand before `--` for its own, and passes on only their values. */
function flagKeptByNpm(env: Environment): string | undefined {
  return Object.values(OPTIONS).find(({ flag }) => `npm_config_${flag.replaceAll("-", "_")}` in env)?.flag;
}
