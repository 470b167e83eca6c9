/** Reads a program's options as the command line reads its flags: same checks, same defaults, no environment. */
import { UsageError } from "../base/errors.ts";
import { type Config, readConfig } from "../config/config.ts";
import { OPTIONS, type Option } from "../config/options.ts";
import { isForPrograms, programNameOf } from "../config/program-options.ts";
import type { RendercastOptions } from "./options.ts";

const FLAGS = new Map(
  Object.values<Option>(OPTIONS)
    .filter(isForPrograms)
    .map(({ flag }) => [programNameOf(flag), flag]),
);

/** @throws {UsageError} at the first mistake, with one sentence. */
export function configOf({ log: _log, ...options }: RendercastOptions): Config {
  const flags = Object.entries(options).flatMap(([name, value]) => {
    const flag = FLAGS.get(name);
    if (flag === undefined)
      throw new UsageError(`'${name}' is not an option of a program: docs/api.md lists them.`);
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${flag}`];
    return [`--${flag}=${Array.isArray(value) ? value.join(",") : String(value)}`];
  });
  const command = readConfig(flags, {});
  if ("run" in command) return command.run;
  throw new UsageError("Options of a program start a server; --help and --version are for the command line.");
}
