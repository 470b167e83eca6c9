/**
 * The options of the command line and the environment: what they are called, what they accept, what they default to.
 * `options.ts` is the table of them; {@link readConfig} turns what the user gave into a {@link Config}.
 */
import { UsageError } from "../base/errors.ts";
import { checkConsistency, type Use } from "./consistency.ts";
import { type Config, OPTIONS, type Option, variableOf } from "./options.ts";
import { type Environment, type Flags, readFlags } from "./read.ts";

export type { Config } from "./options.ts";

/** What the command line asks for. */
export type Command = { readonly run: Config } | { readonly show: "help" | "version" };

/**
 * Reads the command line and the environment. A flag takes precedence over its variable.
 * @param argv the arguments, without node and the script.
 * @param use what the options are for: the doctor checks a Blender that no scene needs yet.
 * @throws {UsageError} at the first mistake, with one sentence.
 */
export function readConfig(argv: readonly string[], env: Environment, use: Use = "serve"): Command {
  const flags = readFlags(argv, env);
  if (flags.help !== undefined) return { show: "help" };
  if (flags.version !== undefined) return { show: "version" };

  const values = Object.entries<Option>(OPTIONS).map(([key, option]) => [
    key,
    checkedValue(option, flags, env),
  ]);
  const config = Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Config;
  const nameOf = ({ flag }: Option) =>
    flag in flags ? `--${flag}` : variableOf(flag) in env ? variableOf(flag) : undefined;
  checkConsistency(config, nameOf, use);
  return { run: config };
}

/** The checked value of an option; undefined if it is not given and has no default. */
function checkedValue(option: Option, flags: Flags, env: Environment): unknown {
  const fromFlag = flags[option.flag];
  const text = fromFlag ?? env[variableOf(option.flag)] ?? option.default;
  if (text === undefined) return undefined;
  const checked = option.check.safeParse(text);
  if (checked.success) return checked.data;
  const name = fromFlag === undefined ? variableOf(option.flag) : `--${option.flag}`;
  const shown = option.secret ? "the one given" : `'${text}'`;
  throw new UsageError(`${name} takes ${checked.error.issues[0]?.message}, not ${shown}.`);
}
