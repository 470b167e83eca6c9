/** Why no picture comes by WebRTC, in the user's words, from what the connection has met. */
import { hostPort } from "./host-port.ts";
import type { RawReport, RawStats } from "./link.ts";

/** Where the connection stood when it was given up. */
export interface Standing {
  /** The server's answer to the offer, an SDP; undefined where none came. */
  readonly answer: string | undefined;
  readonly connectionState: RTCPeerConnectionState;
  readonly iceState: RTCIceConnectionState;
  /** Whether it may come by TURN servers alone. */
  readonly byRelay: boolean;
}

/** A clause without a full stop, such as `WebRTC did not connect, as ...`. */
export function troubleOf(
  report: RawReport,
  { answer, connectionState, iceState, byRelay }: Standing,
): string {
  const all: RawStats[] = [];
  report.forEach((stats) => {
    all.push(stats);
  });
  const of = (type: string) => all.filter((stats) => stats.type === type);
  if (answer === undefined) return "WebRTC did not connect, as the server did not answer in time";
  if (connectionState === "connected") {
    const [inbound] = of("inbound-rtp").filter(({ kind }) => kind === "video");
    return Number(inbound?.bytesReceived ?? 0) > 0
      ? "Video comes by WebRTC, but this browser could not decode it"
      : "WebRTC connected, but no video came by it";
  }
  if (iceState === "connected" || iceState === "completed")
    return "WebRTC did not connect, as its encryption did not come about";
  const isNowhere = of("local-candidate").length === 0 && of("candidate-pair").length === 0;
  if (isNowhere && byRelay)
    return "WebRTC did not connect, as no TURN server was reached, or none let this browser in: whoever runs the server can try them by its doctor";
  if (isNowhere)
    return "WebRTC did not connect, as this browser gave it no way to the network: an extension or a policy may forbid it";
  const servers = [...new Set(addressesIn(answer))];
  const ports = [...new Set(servers.map((address) => address.slice(address.lastIndexOf(":") + 1)))];
  if (servers.length === 0) return "WebRTC did not connect, as the server gave no address";
  return `WebRTC did not connect, as nothing came back from ${listed(servers.slice(0, 2))}: a firewall may hold back port ${listed(ports)}, by UDP and TCP`;
}

/** Of the candidates (RFC 8839, section 5.1): the browser's own report leaves out those that it has no way to at all. */
function addressesIn(answer: string): string[] {
  const candidates = answer.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) (\d+) /gm);
  return [...candidates].map(([, host = "", port = ""]) => hostPort(host, port));
}

const listed = (words: readonly string[]) => words.join(" or ");
