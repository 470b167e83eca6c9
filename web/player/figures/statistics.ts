/** The statistics of one viewer, each with one sentence that explains it. */
import type { StreamInfo } from "../../../src/shared/protocol.ts";
import { bitrate, frameRate, latency, milliseconds, NONE, size } from "./format.ts";
import type { LinkPath, PlayerStats } from "./player-stats.ts";
import { renditionName } from "./rendition.ts";

/** One figure, ready to be shown. */
export interface Figure {
  readonly key: string;
  readonly term: string;
  readonly value: string;
  /** One sentence, shown while the user points at the figure. */
  readonly explanation: string;
}

/** How to make a {@link Figure} from the stats. */
interface Definition {
  readonly key: string;
  readonly term: string;
  readonly value: (stats: PlayerStats, stream: StreamInfo | undefined) => string;
  readonly explanation: string | ((stats: PlayerStats) => string);
}

const PICTURE: readonly Definition[] = [
  {
    key: "latency",
    term: "Latency",
    value: latency,
    explanation: "Time from the renderer's complete picture to this screen, median of two seconds.",
  },
  {
    key: "p95",
    term: "Latency p95",
    value: (stats) => milliseconds(stats.latency?.p95),
    explanation: "Latency that 95 % of the frames of the last ten seconds stayed below.",
  },
  {
    key: "fps",
    term: "Frame rate",
    value: ({ fps, still }) => (still ? `${frameRate(fps)}, still` : frameRate(fps)),
    explanation: ({ still }) =>
      still
        ? "The scene stands still, so the server sends two frames per second."
        : "New pictures per second that this browser decodes.",
  },
  {
    key: "bitrate",
    term: "Bitrate",
    value: (stats) => bitrate(stats.bitrate),
    explanation: "Data received for this picture.",
  },
  {
    key: "size",
    term: "Size",
    value: ({ width, height }) => size(width, height),
    explanation: "Size of the received picture in pixels.",
  },
  {
    key: "codec",
    term: "Codec",
    value: ({ codec }) => codec ?? NONE,
    explanation: "Compression format of the picture.",
  },
];

const MJPEG: readonly Definition[] = [
  {
    key: "path",
    term: "Route",
    value: () => "MJPEG over HTTP",
    explanation: "Fallback: a sequence of JPEG pictures, because no video arrives by WebRTC.",
  },
];

const NETWORK: readonly Definition[] = [
  {
    key: "rendition",
    term: "Rendition",
    value: ({ level }, stream) => renditionName(level, stream),
    explanation:
      "The server sends each viewer the best rendition that the network carries: on a slow network a coarser or smaller one, or one with fewer frames.",
  },
  {
    key: "path",
    term: "Route",
    value: ({ link }) => pathName(link?.path),
    explanation:
      "UDP, or TCP if UDP is blocked; direct, through a NAT or over a relay (some browsers cannot tell direct from NAT).",
  },
  {
    key: "roundTrip",
    term: "Round trip",
    value: ({ link }) => milliseconds(link?.roundTrip),
    explanation: "Network time to the server and back.",
  },
  {
    key: "loss",
    term: "Packets lost",
    value: ({ loss }) => (loss === undefined ? NONE : `${(loss * 100).toFixed(loss < 0.1 ? 1 : 0)} %`),
    explanation: "Share of the packets of the last three seconds that never arrived, not even retransmitted.",
  },
  {
    key: "retransmitted",
    term: "Retransmitted",
    value: ({ link }) => count(link?.retransmitted),
    explanation: "Packets sent again after a loss or to probe the bandwidth, since the connection was made.",
  },
  {
    key: "keyframes",
    term: "Keyframe requests",
    value: ({ link }) => count(link?.keyframeRequests),
    explanation: "Keyframes requested to recover the video.",
  },
  {
    key: "jitter",
    term: "Jitter",
    value: ({ link }) => milliseconds(link?.jitter),
    explanation: "Variation in packet arrival time.",
  },
];

const DECODER: readonly Definition[] = [
  {
    key: "buffer",
    term: "Jitter buffer",
    value: ({ jitterBuffer }) => milliseconds(jitterBuffer),
    explanation: "How long frames wait for late packets.",
  },
  {
    key: "decode",
    term: "Decoding",
    value: ({ decodeTime }) => milliseconds(decodeTime),
    explanation: "How long this browser takes to decode a frame.",
  },
  {
    key: "decoder",
    term: "Decoder",
    value: decoderName,
    explanation: "Decoder of this browser; a hardware decoder saves battery.",
  },
  {
    key: "freezes",
    term: "Freezes",
    value: ({ link }) => count(link?.freezes),
    explanation:
      "How often a moving picture stood still for much longer than usual, since the connection was made.",
  },
  {
    key: "dropped",
    term: "Frames dropped",
    value: ({ link }) => count(link?.framesDropped),
    explanation: "Frames that arrived too late to be shown.",
  },
];

/**
 * All figures of the transport in use; one that this browser does not report reads `–`.
 * @param stream as the server describes it; undefined before it has.
 */
export function figuresOf(stats: PlayerStats, stream?: StreamInfo): Figure[] {
  const definitions = stats.transport === "mjpeg" ? [PICTURE, MJPEG] : [PICTURE, NETWORK, DECODER];
  return definitions.flat().map(({ key, term, value, explanation }) => ({
    key,
    term,
    value: value(stats, stream),
    explanation: typeof explanation === "string" ? explanation : explanation(stats),
  }));
}

function pathName(path: LinkPath | undefined): string {
  if (!path) return NONE;
  const way = {
    host: "direct",
    srflx: "through a NAT",
    prflx: "direct or through a NAT",
    relay: "over a relay",
  }[path.candidate];
  return path.protocol === undefined ? way : `${path.protocol.toUpperCase()}, ${way}`;
}

function decoderName({ link }: PlayerStats): string {
  if (link?.decoder === undefined) return link ? "unavailable" : NONE;
  return link.powerEfficient ? `${link.decoder} (hardware)` : link.decoder;
}

function count(value: number | undefined): string {
  return value === undefined ? NONE : String(value);
}
