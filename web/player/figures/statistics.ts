/** The figures of one viewer, each with a sentence that says what it is. */
import type { StreamInfo } from "../../../src/signaling/protocol.ts";
import { bitrate, frameRate, latency, milliseconds, NONE, size } from "./format.ts";
import type { LinkPath, PlayerStats } from "./player-stats.ts";
import { renditionName } from "./rendition.ts";

/** One figure, as it is read. */
export interface Figure {
  readonly key: string;
  readonly term: string;
  readonly value: string;
  /** One sentence, for who points at it. */
  readonly explanation: string;
}

/**
 * All there is to tell; a figure that this browser or transport does not have reads `–`.
 * @param stream as the server describes it, once it has.
 */
export function figuresOf(stats: PlayerStats, stream?: StreamInfo): Figure[] {
  const { link, level, transport } = stats;
  const percentage =
    stats.loss === undefined ? NONE : `${(stats.loss * 100).toFixed(stats.loss < 0.1 ? 1 : 0)} %`;
  const figure = (key: string, term: string, value: string, explanation: string) => ({
    key,
    term,
    value,
    explanation,
  });
  const common = [
    figure(
      "latency",
      "Latency",
      latency(stats),
      "From the picture being complete in the renderer to being on this screen, median of two seconds.",
    ),
    figure(
      "p95",
      "95 % under",
      milliseconds(stats.latency?.p95),
      "Of the last ten seconds' frames, 95 in 100 were on the screen sooner than this.",
    ),
    figure(
      "fps",
      "Frame rate",
      stats.still ? `${frameRate(stats.fps)}, still` : frameRate(stats.fps),
      stats.still
        ? "The scene stands still: two frames a second show it, as often as its renderer may send it."
        : "New pictures a second that were decoded here.",
    ),
    figure("bitrate", "Bitrate", bitrate(stats.bitrate), "What comes over the network for this picture."),
    figure("size", "Size", size(stats.width, stats.height), "Pixels of the picture, as it comes."),
    figure("codec", "Codec", stats.codec ?? NONE, "How the picture is compressed."),
  ];
  if (transport === "mjpeg")
    return [
      ...common,
      figure(
        "path",
        "Comes by",
        "MJPEG over HTTP",
        "The fallback: a row of JPEG pictures, as no video came by WebRTC.",
      ),
    ];
  return [
    ...common,
    figure(
      "rendition",
      "Rendition",
      renditionName(level, stream),
      "The server sends each viewer the best picture that the viewer's own network carries: a coarser one, a smaller one or one with fewer frames where that is slow.",
    ),
    figure(
      "path",
      "Comes by",
      pathName(link?.path),
      "How the packets go: by UDP, or by TCP where none gets through, straight, through a NAT or over a relay; not every browser can tell the first two apart (peer reflexive).",
    ),
    figure(
      "roundTrip",
      "Round trip",
      milliseconds(link?.roundTrip),
      "To the server and back, over the network alone.",
    ),
    figure(
      "loss",
      "Packets lost",
      percentage,
      "Share of the packets of the last three seconds that never came, not even when they were sent again.",
    ),
    figure(
      "retransmitted",
      "Sent again",
      count(link?.retransmitted),
      "Packets that were lost at first and came at a second try, and some that measure the network, since the connection was made.",
    ),
    figure(
      "keyframes",
      "Keyframes asked",
      count(link?.keyframeRequests),
      "How often this browser asked for a whole picture, because it could not go on from what it had.",
    ),
    figure("jitter", "Jitter", milliseconds(link?.jitter), "By how much packets come unevenly."),
    figure(
      "buffer",
      "Jitter buffer",
      milliseconds(stats.jitterBuffer),
      "How long frames wait here for packets that are late.",
    ),
    figure(
      "decode",
      "Decoding",
      milliseconds(stats.decodeTime),
      "How long this browser takes to decode a frame.",
    ),
    figure(
      "decoder",
      "Decoder",
      decoderName(stats),
      "What decodes the video here; hardware spares the battery.",
    ),
    figure(
      "freezes",
      "Freezes",
      count(link?.freezes),
      "How often a moving picture stood still for much longer than usual, since the connection was made.",
    ),
    figure(
      "dropped",
      "Frames dropped",
      count(link?.framesDropped),
      "Frames that came but were too late to be shown.",
    ),
  ];
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
  if (link?.decoder === undefined) return link ? "not told by this browser" : NONE;
  return link.powerEfficient ? `${link.decoder} (hardware)` : link.decoder;
}

const count = (value: number | undefined) => (value === undefined ? NONE : String(value));
