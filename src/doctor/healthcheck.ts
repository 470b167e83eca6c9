/**
 * `rendercast healthcheck` asks the server on this machine whether it runs, for the HEALTHCHECK of a container. It takes the
 * options of the server; without any, those of process 1, so that the check follows them.
 */
import { readFileSync } from "node:fs";
import { reasonOf } from "../base/errors.ts";
import { readConfig } from "../config/config.ts";
import type { Environment } from "../config/read.ts";
import { ask } from "./running.ts";

/** The program of a server, as a command line names it. */
const PROGRAM = /(^|\/)(rendercast|(start|main)\.[jt]s)$/;

/** The options in the command line of a server, which may follow an init program; undefined if it is none. */
export function optionsOf(commandLine: readonly string[]): string[] | undefined {
  const at = commandLine.findIndex((word) => PROGRAM.test(word));
  return at < 0 ? undefined : commandLine.slice(at + 1);
}

/**
 * Asks the server, and prints a sentence.
 * @param argv its options.
 * @returns whether it runs.
 */
export async function isHealthy(
  argv: readonly string[],
  env: Environment,
  print: (line: string) => void,
): Promise<boolean> {
  try {
    const command = readConfig(argv.length > 0 ? argv : (optionsOf(firstProcess()) ?? []), env);
    if (!("run" in command)) throw new Error("give the options of the server");
    const { port, host, tlsCert } = command.run;
    if (port === 0) throw new Error("the server needs a fixed port, as in --port 8080");
    const place = { host: host === "::" || host === "0.0.0.0" ? undefined : host, port };
    const answer = await ask(place, tlsCert !== undefined, "/healthz");
    const isRunning = answer?.statusCode === 200 && answer.headers.server === "rendercast";
    print(isRunning ? `rendercast is running on port ${port}.` : `No rendercast answers on port ${port}.`);
    return isRunning;
  } catch (error) {
    print(`rendercast healthcheck: ${reasonOf(error)}`);
    return false;
  }
}

function firstProcess(): string[] {
  try {
    return readFileSync("/proc/1/cmdline", "utf8").split("\0").slice(0, -1);
  } catch {
    return [];
  }
}
