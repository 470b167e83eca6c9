/** The contract between a broadcast and its WebRTC viewers. */
import type { EpochMs, Millis } from "../../base/clock.ts";
import type { Codec, EncodedFrame } from "../../media/frame.ts";

/** All WebRTC viewers of one broadcast. */
export interface Audience<Offer = string> {
  /**
   * Creates a viewer from an SDP offer.
   * @throws {OfferError} if the offer cannot be answered.
   */
  admit(offer: Offer, events: ViewerEvents): Promise<Answered>;
  /** Sends a frame and its report to all connected viewers of its rendition. Resolves when all are sent; never rejects. */
  send(frame: EncodedFrame): Promise<Sent>;
}

/** A frame that was sent. */
export interface Sent {
  /** Packets per viewer. */
  readonly packets: number;
  /** When the packets for the last viewer were passed to its socket. */
  readonly at: EpochMs;
}

/** A viewer and the SDP answer for it. */
export interface Answered {
  readonly answer: string;
  readonly viewer: Viewer;
}

/** One WebRTC viewer. */
export interface Viewer {
  /** Codec of its frames. */
  readonly codec: Codec;
  /**
   * Answers an offer that restarts ICE because the viewer changed networks. DTLS and media continue.
   * @throws {OfferError} if the viewer is not connected, or the offer is from another peer.
   */
  restart(offer: string): Promise<string>;
  /** Disconnects the viewer. Calls {@link ViewerEvents.closed} once, before this returns or later. */
  close(reason: string): void;
}

/** Events of one viewer. The handlers must not throw. */
export interface ViewerEvents {
  /** The viewer is connected and needs a keyframe. */
  connected(): void;
  /** The viewer cannot decode and requests a keyframe. */
  keyframeNeeded(): void;
  /** Congestion control requests another level. The viewer receives it from that rendition's next keyframe on. */
  wants(level: number): void;
  /** The viewer now receives the level that it requested. */
  moved(level: number): void;
  /** An RTCP receiver report arrived. */
  received(reception: Reception): void;
  /** The route to the viewer now uses this protocol. */
  reached(protocol: "udp" | "tcp" | "relay"): void;
  /** The viewer is disconnected. This is the last event. */
  closed(reason: string): void;
}

/** How packets reach a viewer, by its receiver report (RFC 3550, section 6.4). */
export interface Reception {
  /** Share of lost packets since its previous report, 0 to 1. */
  readonly fractionLost: number;
  readonly jitter: Millis;
  /** Undefined before it has received a sender report. */
  readonly roundTrip: Millis | undefined;
}

/** An offer that cannot be answered. The code goes to the viewer. */
export class OfferError extends Error {
  readonly code: "bad-request" | "no-common-codec" | "not-watching";

  constructor(code: OfferError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
