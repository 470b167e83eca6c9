/** Forwards the first stream to the servers that `--forward` names: by RTP, or by WHIP to an SFU. */

import { writeFile } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Forwarded } from "../broadcast/feed.ts";
import type { ForwardState } from "../broadcast/operation-metrics.ts";
import type { Config } from "../config/config.ts";
import type { Target } from "../config/forward-target.ts";
import type { Codec } from "../media/frame.ts";
import type { HandshakeRefusals } from "../transport/dtls/refusals.ts";
import { addressOf, PAYLOAD_TYPE, RtpForward, sessionDescription } from "./rtp.ts";
import { WhipForward } from "./whip.ts";

/** What {@link startForwards} needs besides the options. */
export interface ForwardsOptions {
  readonly clock: Clock;
  readonly stream: Forwarded;
  readonly handshakes: HandshakeRefusals;
  readonly log: Log;
}

type ForwardsConfig = Pick<Config, "forward" | "forwardSdp" | "forwardToken" | "forwardRenditions"> & {
  readonly codecs: readonly Codec[];
};

/** The running forwards. */
export interface Forwards {
  /** As `/metrics` shows them, in the order of the options. */
  states(): ForwardState[];
  /** Ends all of them. */
  close(): Promise<void>;
}

/** Starts all forwards. @throws {UsageError} if an RTP target cannot be resolved or reached, or the SDP file not written. */
export async function startForwards(
  { forward = [], forwardSdp, forwardToken: token, forwardRenditions: renditions, codecs }: ForwardsConfig,
  options: ForwardsOptions,
): Promise<Forwards> {
  const [codec = "vp8"] = codecs;
  const rtp = forward.filter((target) => target.kind === "rtp");
  const opened = await Promise.all(
    rtp.map(async (target) => [target, await startRtp(target, { ...options, codec }, forwardSdp)] as const),
  );
  const byTarget = new Map<Target, RtpForward | WhipForward>(opened);
  // A WHIP forward retries by itself, so its start cannot fail.
  for (const target of forward)
    if (target.kind === "whip")
      byTarget.set(target, new WhipForward({ ...options, codecs, token, url: target.url, renditions }));
  return {
    states: () => forward.flatMap((target) => byTarget.get(target)?.state ?? []),
    async close() {
      await Promise.all([...byTarget.values()].map((one) => one.close()));
    },
  };
}

async function startRtp(
  { host, port }: Extract<Target, { kind: "rtp" }>,
  options: ForwardsOptions & { readonly codec: Codec },
  file: string | undefined,
): Promise<RtpForward> {
  const { stream, codec, log } = options;
  const address = await addressOf(host).catch((cause: Error) => {
    throw new UsageError(
      `The DNS has no address of ${host}: give --forward an IP address, or correct the name.`,
      {
        cause,
      },
    );
  });
  const about = { ...options, address, port, target: `${host}:${port}` };
  if (file !== undefined) {
    await writeFile(file, sessionDescription(about)).catch((cause: Error) => {
      throw new UsageError(`'${file}' cannot be written: give --forward-sdp another file.`, { cause });
    });
  }
  const opened = await RtpForward.open(about).catch((cause: Error) => {
    throw new UsageError(`There is no route to ${host}: give --forward another address.`, { cause });
  });
  log(
    `Forwarding ${stream.name} to ${host}:${port} by RTP, as ${codec.toUpperCase()} with payload type ${PAYLOAD_TYPE}.`,
  );
  return opened;
}
