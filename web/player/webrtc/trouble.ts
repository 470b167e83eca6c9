/** Explains to the user why WebRTC shows no picture. */
import { hostPort } from "../../../src/shared/host-port.ts";
import type { RawReport, RawStats } from "./link.ts";

/** The state of the connection when it was given up. */
export interface ConnectionOutcome {
  /** The server's answer to the offer, as SDP; undefined if none arrived. */
  readonly answer: string | undefined;
  readonly connectionState: RTCPeerConnectionState;
  readonly iceState: RTCIceConnectionState;
  /** Whether only TURN servers are allowed (`iceTransportPolicy` is `relay`). */
  readonly byRelay: boolean;
}

/** One or two sentences without the last full stop, such as `WebRTC did not connect: ...`. */
export function troubleOf(
  report: RawReport,
  { answer, connectionState, iceState, byRelay }: ConnectionOutcome,
): string {
  const all: RawStats[] = [];
  report.forEach((stats) => {
    all.push(stats);
  });
  const of = (type: string) => all.filter((stats) => stats.type === type);
  if (answer === undefined) return "WebRTC did not connect: the server did not answer in time";
  if (connectionState === "connected") {
    const [inbound] = of("inbound-rtp").filter(({ kind }) => kind === "video");
    return Number(inbound?.bytesReceived ?? 0) > 0
      ? "Video arrives by WebRTC, but this browser cannot decode it"
      : "WebRTC connected, but no video arrives";
  }
  if (iceState === "connected" || iceState === "completed")
    return "WebRTC did not connect: the encryption handshake (DTLS) failed";
  const hasNoRoute = of("local-candidate").length === 0 && of("candidate-pair").length === 0;
  if (hasNoRoute && byRelay)
    return "WebRTC did not connect: no TURN server could be reached or accepted this browser. The operator can test the TURN servers with rendercast doctor";
  if (hasNoRoute)
    return "WebRTC did not connect: this browser found no network route. An extension or a policy may block it";
  const servers = [...new Set(addressesIn(answer))];
  const ports = [...new Set(servers.map((address) => address.slice(address.lastIndexOf(":") + 1)))];
  if (servers.length === 0) return "WebRTC did not connect: the server gave no address";
  return `WebRTC did not connect: no reply from ${listed(servers.slice(0, 2))}. A firewall may block port ${listed(ports)} for UDP and TCP`;
}

/** Addresses of the candidates (RFC 8839, section 5.1). The browser's report omits candidates that it has no route to. */
function addressesIn(answer: string): string[] {
  const candidates = answer.matchAll(/^a=candidate:\S+ \d+ \S+ \d+ (\S+) (\d+) /gm);
  return [...candidates].map(([, host = "", port = ""]) => hostPort(host, port));
}

const listed = (words: readonly string[]) => words.join(" or ");
