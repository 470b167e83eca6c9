/** Blender, started once to see that it does. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { blenderProgram, installedBlender } from "../source/blender/program.ts";
import type { Finding } from "./check.ts";

const BLENDER_STARTS_WITHIN = 7000;

export async function checkBlender(config: Config): Promise<Finding> {
  const wanted = config.scene !== undefined || config.script !== undefined;
  let program: string | undefined;
  try {
    program = blenderProgram(config) ?? config.blender ?? installedBlender();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { state: "bad", text: error.message, change: error.message, prevents: true };
  }
  if (program === undefined)
    return { state: "note", text: "not found; it is needed for scenes and scripts alone" };
  try {
    const version = { timeout: BLENDER_STARTS_WITHIN, killSignal: "SIGKILL" } as const;
    const { stdout } = await promisify(execFile)(program, ["--version"], version);
    const [, number] = /^Blender (\S+)/m.exec(stdout) ?? [];
    if (number === undefined) throw new Error("it does not tell its version");
    return { state: "good", text: `${number}, ${program}` };
  } catch (error) {
    const text = `${program} does not start: ${reasonOf(error).split("\n")[0]}`;
    if (!wanted) return { state: "note", text };
    return { state: "bad", text, change: "Name a Blender that starts with --blender PATH." };
  }
}
