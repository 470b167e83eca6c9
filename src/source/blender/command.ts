/** The command line that makes Blender render in background and publish to this server. */
import { fileURLToPath } from "node:url";
import { packageRoot } from "../../base/package.ts";

/** What Blender is to render, and where it goes. */
export interface BlenderCommand {
  /** A .blend file; undefined for the script's scene, or Blender's own. */
  readonly scene: string | undefined;
  /** A Python script to run first. */
  readonly script: string | undefined;
  /** The camera's name; undefined for the scene's own. */
  readonly camera: string | undefined;
  readonly engine: string;
  readonly animate: string;
  /** The name of an object to turn, `active` or `none`; undefined as the scene suggests. */
  readonly turn: string | undefined;
  readonly size: { readonly width: number; readonly height: number };
  readonly fps: number;
  /** This server's address. */
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
    ...(scene === undefined ? ["--factory-startup"] : [scene]),
    "-noaudio",
    // Before the script, or its errors would end Blender with code 0.
    ...["--python-exit-code", "1"],
    ...["-P", script, "--", "--with-parent"],
    ...["--server", server, "--stream", stream],
    ...["--size", `${size.width}x${size.height}`, "--fps", String(fps)],
    ...["--engine", command.engine, "--animate", command.animate],
    ...optional.flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value])),
  ];
}
