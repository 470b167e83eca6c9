/** How the video comes: what `getStats` tells of the connection, the repairs and the decoder. */

/** How the packets go: the kind of our end's address, and what carries them from here. */
export interface LinkPath {
  /** `host`: an address of this device; `srflx` and `prflx`: one that a NAT gave it; `relay`: that of a TURN server. */
  readonly candidate: "host" | "srflx" | "prflx" | "relay";
  /** To a relay, not every browser tells. */
  readonly protocol: "udp" | "tcp" | "tls" | undefined;
  /** Where the server is, as `192.0.2.1:8081`; not every browser tells. */
  readonly server: string | undefined;
}

/** Of one connection since it was made. What the browser does not tell is undefined. */
export interface LinkStats {
  readonly path: LinkPath | undefined;
  /** Milliseconds to the server and back. */
  readonly roundTrip: number | undefined;
  /** Milliseconds by which packets come sooner or later than the one before. */
  readonly jitter: number | undefined;
  /** Packets of video that never came. */
  readonly packetsLost: number | undefined;
  /** Packets that were sent again. */
  readonly retransmitted: number | undefined;
  readonly keyframeRequests: number | undefined;
  readonly framesDropped: number | undefined;
  /** Times that the picture stood for much longer than usual. */
  readonly freezes: number | undefined;
  /** Such as `libvpx`. */
  readonly decoder: string | undefined;
  /** Whether the decoder is hardware, or else spares the battery. */
  readonly powerEfficient: boolean | undefined;
}

/** Any of the report's dictionaries; TypeScript's DOM types stop at the report. */
export interface RawStats {
  readonly id: string;
  readonly type: string;
  readonly [member: string]: unknown;
}

export type RawReport = Pick<ReadonlyMap<string, RawStats>, "forEach">;

/** The connection's path and quality, around the `inbound-rtp` of its video. */
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
    // Chromium says so before it has decoded anything.
    decoder: decoder === "unknown" ? undefined : decoder,
    powerEfficient:
      typeof inbound.powerEfficientDecoder === "boolean" ? inbound.powerEfficientDecoder : undefined,
  };
}

/** By the transport; Firefox has none, and marks the pair itself. */
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
  // Its `protocol` is that of the relay's own address, from where on it goes by UDP.
  const protocol = text(candidate === "relay" ? local?.relayProtocol : local?.protocol);
  const address = text(remote?.address);
  const port = number(remote?.port);
  return {
    candidate,
    protocol: protocol === "udp" || protocol === "tcp" || protocol === "tls" ? protocol : undefined,
    server:
      address === undefined || port === undefined
        ? undefined
        : `${address.includes(":") ? `[${address}]` : address}:${port}`,
  };
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
