/**
 * What a program imports from the package: `import { startRendercast } from "rendercast"`. `docs/api.md` describes it.
 * It loads the server only when it starts, after a check of the version of Node.
 */
import type { RendercastOptions } from "./api/options.ts";
import { PushError } from "./api/push-error.ts";
import type { Rendercast } from "./api/types.ts";
import { UsageError } from "./base/errors.ts";
import { nativePartMissing, nodeTooOld } from "./base/package.ts";

export type { RendercastOptions } from "./api/options.ts";
export { PushError, type PushErrorCode } from "./api/push-error.ts";
export type { Frame, FrameDetails, LogLine, Pixels, Rendercast, Stream, StreamEvents } from "./api/types.ts";
export { UsageError } from "./base/errors.ts";
export type { SourceState, StreamInfo, Telemetry, ViewerInfo } from "./shared/protocol.ts";

/**
 * Starts a server in this process, as the command `rendercast` does. It reads no environment variables.
 * @throws {UsageError} with a sentence that says what to do, if the options are wrong or do not fit this machine.
 */
export async function startRendercast(options: RendercastOptions = {}): Promise<Rendercast> {
  const tooOld = nodeTooOld();
  if (tooOld !== undefined) throw new UsageError(tooOld);
  await import("./base/threads.ts");
  const [{ configOf }, { ProgramStream }, server, addresses] = await Promise.all([
    import("./api/read-options.ts"),
    import("./api/program-stream.ts"),
    import("./rendercast.ts"),
    import("./network/machine-addresses.ts"),
  ]).catch((cause) => {
    const missing = nativePartMissing(cause);
    throw missing === undefined ? cause : new UsageError(missing, { cause });
  });
  const config = configOf(options);
  const running = await server.startRendercast(config, (line, { level = "info", ...fields } = {}) =>
    options.log?.(line, { level, ...fields }),
  );
  const streams = new Map<string, InstanceType<typeof ProgramStream>>();
  const openStream = async (name: string) => {
    const opened = await running.open(name).catch((cause: Error) => {
      throw new PushError("taken", cause.message, { cause });
    });
    // A stream that was forgotten comes back as another broadcast.
    const known = streams.get(name);
    if (known?.observes(opened.broadcast)) return known;
    const stream = new ProgramStream(opened);
    streams.set(name, stream);
    return stream;
  };
  const host = ["::", "0.0.0.0"].includes(config.host) ? "localhost" : config.host;
  const origin = addresses.originOf(host, running.port, config.tlsCert !== undefined);
  return {
    url: `${origin}/`,
    port: running.port,
    stream: await openStream(config.name),
    openStream,
    link: (from = origin) => running.link(from),
    close: () => running.close(),
  };
}
