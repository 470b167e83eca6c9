/** ICE configuration: the STUN and TURN servers that the server hands out. */
import type { SessionAnswer } from "../../../src/shared/protocol.ts";

/** The part of the configuration that may not change after a connection is made. */
export const CONFIGURATION = { bundlePolicy: "max-bundle" } as const satisfies RTCConfiguration;

/** Applies the ICE servers of an answer. Call it before `setLocalDescription`, which starts to gather candidates. */
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
