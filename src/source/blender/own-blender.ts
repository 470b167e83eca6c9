/** Starts the Blender of `--scene` or `--script`, and reports its problems to the viewers of its stream. */

import type { Clock } from "../../base/clock.ts";
import { type Log, streamLog } from "../../base/log.ts";
import type { Config } from "../../config/config.ts";
import type { SourceState } from "../../shared/protocol.ts";
import type { SourceSink } from "../source.ts";
import { blenderArguments } from "./command.ts";
import { BlenderProcess } from "./process.ts";
import { stageOf, withoutFolders } from "./words.ts";

/** The stream that Blender publishes to. */
export type BlenderStream = Pick<SourceSink, "state" | "problem"> & {
  info(): { readonly state: SourceState };
};

/** What {@link startOwnBlender} needs besides the options. */
export interface OwnBlenderOptions {
  /** The path of the Blender program. */
  readonly program: string;
  /** The URL of this server, as Blender reaches it. */
  readonly server: string;
  /** The token by which this server knows it. */
  readonly token: string;
  readonly stream: BlenderStream;
  readonly clock: Clock;
  readonly log: Log;
}

/** Starts Blender, and starts it again after a crash. */
export function startOwnBlender(
  config: Config,
  { program, server, token, stream, clock, log }: OwnBlenderOptions,
): BlenderProcess {
  const isWaiting = () => stream.info().state.kind === "waiting";
  const setProblem = (sentence: string | undefined) => {
    stream.problem(sentence && withoutFolders(sentence, [program, config.scene, config.script]));
    // Drops "Blender is starting", which the state says until the first picture.
    if (sentence !== undefined && isWaiting()) stream.state({ kind: "waiting" });
  };
  const blender = new BlenderProcess({
    program,
    arguments: blenderArguments({ ...config, server, stream: config.name }),
    environment: { RENDERCAST_PUBLISH_TOKEN: token },
    clock,
    log: streamLog(log, config.name),
    problem: setProblem,
    said: (words) => {
      const why = stageOf(words);
      if (why !== undefined && isWaiting()) stream.state({ kind: "waiting", why });
    },
    ended: () => {
      if (isWaiting()) setProblem("Blender has ended without a picture.");
    },
  });
  blender.start();
  return blender;
}
