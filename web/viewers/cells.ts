/** A viewer as a row of text. */
import type { ViewerInfo } from "../../src/signaling/protocol.ts";

/** Each with what it means, in a sentence. */
export const COLUMNS = [
  ["Viewer", "By this name the server's log knows it."],
  ["Network", "Where it comes from; the last part of the address is left out."],
  ["State", "Joining until the first picture can reach it."],
  ["Way", "How the pictures go there."],
  ["Picture", "The codec, and whether a slow network has it watch a smaller picture."],
  ["Latency", "How old the picture on its screen is, as its page measures it."],
  ["Loss", "Share of its packets that were lost at first."],
  ["Round trip", "Through the network to it and back."],
  ["Here for", "Since it came."],
] as const;

const CODECS = { vp8: "VP8", h264: "H.264", "h264-single": "H.264", av1: "AV1" } as const;

/** @param now milliseconds since the epoch. */
export function cellsOf(viewer: ViewerInfo, now: number): string[] {
  const { id, address, transport, protocol, state, codec, level, latency, lost, roundTrip, since } = viewer;
  const way =
    transport === "mjpeg"
      ? "MJPEG"
      : `WebRTC, ${protocol === "relay" ? "over a relay" : protocol.toUpperCase()}`;
  const picture = codec && `${CODECS[codec]}, ${level ? "smaller" : "full"}`;
  return [
    id,
    address,
    state === "joining" ? "joining" : "watching",
    way,
    picture ?? "–",
    latency === undefined ? "–" : `${Math.round(latency)} ms`,
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
