/** The source of the first stream, and the ingests of all streams, as the options say. */

import { basename } from "node:path";
import type { Clock } from "../base/clock.ts";
import { type Log, streamLog } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { folderSource } from "./folder/folder.ts";
import { type IngestOptions, IngestSource } from "./ingest/ingest.ts";
import { publisherLog } from "./ingest/publisher-log.ts";
import { patternSource } from "./pattern/pattern.ts";
import type { Source } from "./source.ts";
import { StandbySource } from "./standby.ts";

/** Makes the source that takes the publishers of the stream `name`. */
export type NewIngest = (name: string, own?: IngestOptions["own"]) => IngestSource;

interface Context {
  readonly clock: Clock;
  readonly log: Log;
}

/** @returns what makes ingests with these limits. All of them share one log, which limits its lines. */
export function ingestMaker(
  { maxFrameBytes: maxBytes, maxPixels, stallAfter }: Config,
  { clock, log }: Context,
): NewIngest {
  const tell = publisherLog(clock, log);
  return (name, own) => {
    const options = { maxBytes, maxPixels, stallAfter, clock, ...(own && { own }) };
    return new IngestSource({
      ...options,
      log: (line, fields) => tell(`${name}: ${line}`, { stream: name, ...fields }),
    });
  };
}

/**
 * @param given replaces the source that the options name.
 * @returns the source, and its ingest if it takes publishers.
 */
export function firstSource(
  config: Config,
  newIngest: NewIngest,
  { clock, log, given }: Context & { readonly given: Source | undefined },
): { readonly source: Source; readonly ingest: IngestSource | undefined } {
  const { folder, picture, data, written, running, stallAfter, maxFrameBytes: maxBytes } = config;
  if (folder !== undefined) {
    const files = { folder, picture, data, written, running };
    const source =
      given ?? folderSource({ ...files, stallAfter, maxBytes, clock, log: streamLog(log, config.name) });
    return { source, ingest: undefined };
  }
  const { name, scene, script, size, fps } = config;
  const own = scene ?? script;
  if (own !== undefined) {
    // The built-in scene must not stand in for a scene that the user asked for.
    const ingest = newIngest(name, { label: basename(own), waiting: "Blender is starting" });
    return { source: ingest, ingest };
  }
  const ingest = newIngest(name);
  return { source: new StandbySource(given ?? patternSource({ ...size, fps, clock }), ingest), ingest };
}
