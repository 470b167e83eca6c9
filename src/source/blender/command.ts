/** Builds the command line of a Blender that renders in background mode and publishes to this server. */
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../base/package.ts";

/** What Blender renders, and where it publishes. */
export interface BlenderCommand {
  /** Path of a .blend file; undefined for the scene that the script makes, or Blender's default scene. */
  readonly scene: string | undefined;
  /** Path of a Python script to run first. */
  readonly script: string | undefined;
  /** Whether Blender may run the scripts inside the .blend file. */
  readonly trustScripts: boolean;
  /** Name of the camera; undefined for the scene's active camera. */
  readonly camera: string | undefined;
  readonly engine: string;
  readonly animate: string;
  /** Name of an object to rotate, `active` or `none`; undefined lets the scene decide. */
  readonly turn: string | undefined;
  /** Pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Frames per second. */
  readonly fps: number;
  /** What viewers may do: `off` or `orbit`. */
  readonly control: string;
  /** URL of this server. */
  readonly server: string;
  readonly stream: string;
}

/** The arguments of the Blender program. */
export function blenderArguments(command: BlenderCommand): string[] {
  const { scene, size, fps, server, stream } = command;
  const script = fileURLToPath(new URL("blender/background.py", packageRoot));
  const optional = Object.entries({ script: command.script, camera: command.camera, turn: command.turn });
  return [
    "-b",
    // Must precede the scene. Without it, the user's preferences decide.
    ...(command.trustScripts ? ["-y"] : []),
    ...(scene === undefined ? ["--factory-startup"] : [scene]),
    "-noaudio",
    // Must precede the script; otherwise an error in it would end Blender with code 0.
    ...["--python-exit-code", "1"],
    ...["-P", script, "--", "--with-parent"],
    ...["--server", server, "--stream", stream],
    ...["--size", `${size.width}x${size.height}`, "--fps", String(fps)],
    ...["--engine", command.engine, "--animate", command.animate],
    ...["--control", command.control],
    ...optional.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])),
  ];
}
