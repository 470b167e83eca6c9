/** Checks that Blender starts. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Millis } from "../base/clock.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { blenderProgram, installedBlender } from "../source/blender/program.ts";
import type { Finding } from "./check.ts";

const START_TIMEOUT: Millis = 7000;

/** Starts Blender once to read its version. A failure is `bad` only if the options need Blender. */
export async function checkBlender(config: Config): Promise<Finding> {
  const wanted = config.scene !== undefined || config.script !== undefined;
  let program: string | undefined;
  try {
    program = blenderProgram(config) ?? config.blender ?? installedBlender();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { state: "bad", text: error.message, change: error.message, prevents: true };
  }
  if (program === undefined) return { state: "note", text: "not found; only scenes and scripts need it" };
  try {
    const version = { timeout: START_TIMEOUT, killSignal: "SIGKILL" } as const;
    const { stdout } = await promisify(execFile)(program, ["--version"], version);
    const [, number] = /^Blender (\S+)/m.exec(stdout) ?? [];
    if (number === undefined) throw new Error("it does not report a version");
    return { state: "good", text: `${number}, ${program}` };
  } catch (error) {
    const text = `${program} does not start: ${reasonOf(error).split("\n")[0]}`;
    if (!wanted) return { state: "note", text };
    return { state: "bad", text, change: "Give --blender PATH with the path of a Blender that starts." };
  }
}
