/** Plain types: what a WebRTC playback asks of the server. */
import type { Reply, SessionAnswer } from "../../../src/shared/protocol.ts";

/** Sends SDP offers and resolves with the answers. The promises reject if no answer arrives in time. */
export interface Offers {
  /** Opens a connection. */
  watch(offer: string): Promise<Reply<SessionAnswer>>;
  /** Restarts ICE on the open connection. */
  restart(offer: string): Promise<Reply<SessionAnswer>>;
  /** Asks for a keyframe: packets arrive, but the decoder cannot continue. */
  keyframe(): void;
}
