/** How a peer connection looks for ways to the server: with the STUN and TURN servers that it is given. */
import type { SessionAnswer } from "../../../src/signaling/protocol.ts";

/** What may not change once a connection is made. */
export const CONFIGURATION = { bundlePolicy: "max-bundle" } as const satisfies RTCConfiguration;

/** What an answer came with, for the candidates that are gathered from now on: before `setLocalDescription`. */
export function useIceServers(
  connection: Pick<RTCPeerConnection, "setConfiguration">,
  { iceServers, iceTransportPolicy: policy }: SessionAnswer,
): void {
  if (!iceServers) return;
  connection.setConfiguration({
    ...CONFIGURATION,
    iceServers: [...iceServers],
    iceTransportPolicy: policy ?? "all",
  });
}
