/** Reads the connection, the retransmissions and the decoder from `getStats`. */

import { hostPort } from "../../../src/shared/host-port.ts";
import type { LinkPath, LinkStats } from "../figures/player-stats.ts";

/** Any dictionary of the report; TypeScript's DOM types do not cover them. */
export interface RawStats {
  readonly id: string;
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The part of an `RTCStatsReport` that is read here. */
export type RawReport = Pick<ReadonlyMap<string, RawStats>, "forEach">;

/** The path and the quality of the connection. `inbound` is the `inbound-rtp` of its video. */
export function readLink(report: RawReport, inbound: RawStats): LinkStats {
  const byId = new Map<string, RawStats>();
  report.forEach((stats) => {
    byId.set(stats.id, stats);
  });
  const pair = selectedPair([...byId.values()], byId);
  const roundTrip = number(pair?.currentRoundTripTime);
  const [pli, fir] = [number(inbound.pliCount), number(inbound.firCount)];
  const decoder = text(inbound.decoderImplementation);
  return {
    path:
      pair &&
      pathOf(byId.get(text(pair.localCandidateId) ?? ""), byId.get(text(pair.remoteCandidateId) ?? "")),
    roundTrip: roundTrip === undefined ? undefined : roundTrip * 1000,
    jitter: inbound.jitter === undefined ? undefined : Number(inbound.jitter) * 1000,
    packetsLost: number(inbound.packetsLost),
    retransmitted: number(inbound.retransmittedPacketsReceived),
    keyframeRequests: pli === undefined && fir === undefined ? undefined : (pli ?? 0) + (fir ?? 0),
    framesDropped: number(inbound.framesDropped),
    freezes: number(inbound.freezeCount),
    // Chromium reports "unknown" before it has decoded a frame.
    decoder: decoder === "unknown" ? undefined : decoder,
    powerEfficient:
      typeof inbound.powerEfficientDecoder === "boolean" ? inbound.powerEfficientDecoder : undefined,
  };
}

/** The transport names the pair; Firefox has no transport, and marks the pair instead. */
function selectedPair(all: readonly RawStats[], byId: ReadonlyMap<string, RawStats>): RawStats | undefined {
  const transport = all.find(({ type }) => type === "transport");
  const named = byId.get(text(transport?.selectedCandidatePairId) ?? "");
  return (
    named ??
    all.find(({ type, selected }) => type === "candidate-pair" && selected === true) ??
    all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded")
  );
}

function pathOf(local: RawStats | undefined, remote: RawStats | undefined): LinkPath | undefined {
  const candidate = text(local?.candidateType);
  if (candidate !== "host" && candidate !== "srflx" && candidate !== "prflx" && candidate !== "relay")
    return undefined;
  // `protocol` is that of the relayed address, which is always UDP: `relayProtocol` is that to the relay.
  const protocol = text(candidate === "relay" ? local?.relayProtocol : local?.protocol);
  const address = text(remote?.address);
  const port = number(remote?.port);
  return {
    candidate,
    protocol: protocol === "udp" || protocol === "tcp" || protocol === "tls" ? protocol : undefined,
    server: address === undefined || port === undefined ? undefined : hostPort(address, port),
  };
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
