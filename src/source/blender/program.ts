/** Chooses the Blender program, if the configuration needs one. */

import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter } from "node:path";
import { UsageError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { findBlender, type Places } from "./find.ts";

/**
 * The path of Blender; undefined if the configuration has neither a scene nor a script for it.
 * @throws {UsageError} if Blender, the scene or the script is missing.
 */
export function blenderProgram({ scene, script, blender }: Config): string | undefined {
  if (scene === undefined && script === undefined) return undefined;
  for (const file of [scene, script]) {
    if (file !== undefined && !existsSync(file))
      throw new UsageError(`The file ${file} does not exist: check its path.`);
  }
  const program = blender ?? installedBlender();
  if (program === undefined) {
    throw new UsageError("Blender was not found: install it, or set its path with --blender PATH.");
  }
  if (!isProgram(program))
    throw new UsageError(`${program} is not a program: set the path of Blender with --blender PATH.`);
  return program;
}

/** The path of the Blender on this machine; undefined if there is none. */
export function installedBlender(): string | undefined {
  return findBlender(thisMachine());
}

function thisMachine(): Places {
  return {
    platform: process.platform,
    path: (process.env.PATH ?? "").split(delimiter).filter(Boolean),
    home: homedir(),
    isProgram,
    list: (folder) => {
      try {
        return readdirSync(folder);
      } catch {
        return [];
      }
    },
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
