/** A viewer as a row of text. */
import type { ViewerInfo } from "../../src/signaling/protocol.ts";

export const COLUMNS = ["Viewer", "Network", "By", "Rendition", "Loss", "Round trip", "For"] as const;

const CODECS = { vp8: "VP8", h264: "H.264", "h264-single": "H.264", av1: "AV1" } as const;

/** @param now milliseconds since the epoch. */
export function cellsOf(viewer: ViewerInfo, now: number): string[] {
  const { id, address, transport, protocol, state, codec, level, lost, roundTrip, since } = viewer;
  const way = transport === "mjpeg" ? "MJPEG" : `WebRTC, ${protocol.toUpperCase()}`;
  const rendition = codec && `${CODECS[codec]}${level ? `, ${level} below full` : ""}`;
  return [
    id,
    address,
    state === "joining" ? `${way}, joining` : way,
    rendition ?? "–",
    lost === undefined ? "–" : `${(100 * lost).toFixed(1)} %`,
    roundTrip === undefined ? "–" : `${Math.round(roundTrip)} ms`,
    lasting(now - since),
  ];
}

function lasting(time: number): string {
  const seconds = Math.max(0, Math.floor(time / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
