/** Formats a viewer as a row of the table. */
import type { ViewerInfo } from "../../src/shared/protocol.ts";
import { NONE } from "../player/figures/format.ts";

/** The columns, each with an explanation. */
export const COLUMNS = [
  ["Viewer", "The viewer's name in the server's log."],
  ["Network", "The viewer's address without its last part."],
  ["State", "Joining until the viewer can receive the first picture."],
  ["Route", "How the pictures reach the viewer."],
  ["Rendition", "The codec, and whether the network is too slow for the full picture."],
  ["Latency", "Age of the picture on the viewer's screen, as its page measures it."],
  ["Loss", "Share of the packets that were lost before retransmission."],
  ["Round trip", "Network time to the viewer and back."],
  ["Watching for", "Time since the viewer joined."],
] as const;

const CODECS = { vp8: "VP8", h264: "H.264", "h264-single": "H.264", av1: "AV1" } as const;

/**
 * The cells of a viewer, in the order of {@link COLUMNS}.
 * @param now milliseconds since the epoch.
 */
export function cellsOf(viewer: ViewerInfo, now: number): string[] {
  const { id, address, transport, protocol, state, codec, level, latency, lost, roundTrip, since } = viewer;
  const route =
    transport === "mjpeg"
      ? "MJPEG"
      : `WebRTC, ${protocol === "relay" ? "over a relay" : protocol.toUpperCase()}`;
  const rendition = codec && `${CODECS[codec]}, ${level ? "smaller" : "full"}`;
  return [
    id,
    address,
    state === "joining" ? "joining" : "watching",
    route,
    rendition ?? NONE,
    latency === undefined ? NONE : `${Math.round(latency)} ms`,
    lost === undefined ? NONE : `${(100 * lost).toFixed(1)} %`,
    roundTrip === undefined ? NONE : `${Math.round(roundTrip)} ms`,
    elapsed(now - since),
  ];
}

function elapsed(time: number): string {
  const seconds = Math.max(0, Math.floor(time / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
