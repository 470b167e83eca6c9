/** The Blender program of this machine, where the configuration wants one. */

import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter } from "node:path";
import { UsageError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { findBlender, type Places } from "./find.ts";

/**
 * Undefined where there is neither a scene nor a script for Blender.
 * @throws {UsageError} where Blender, or what it is to show, is not there.
 */
export function blenderProgram({ scene, script, blender }: Config): string | undefined {
  if (scene === undefined && script === undefined) return undefined;
  for (const file of [scene, script]) {
    if (file !== undefined && !existsSync(file))
      throw new UsageError(`There is no file ${file}: check its path.`);
  }
  const program = blender ?? installedBlender();
  if (program === undefined) {
    throw new UsageError("Blender was not found: install it, or name the program with --blender PATH.");
  }
  if (!isProgram(program))
    throw new UsageError(`${program} is not a program: name Blender's with --blender PATH.`);
  return program;
}

/** Blender where the configuration names none; undefined where it is not found. */
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
