/** The contract of the viewers by WebRTC: a broadcast's audience, and each viewer in it. */

import type { EpochMs, Millis } from "../../base/clock.ts";
import type { Codec, EncodedFrame } from "../../media/frame.ts";

/** All viewers of one broadcast. */
export interface Audience<Offer = string> {
  /**
   * Makes a viewer of an SDP offer.
   * @throws {OfferError} for an offer that cannot be answered.
   */
  admit(offer: Offer, events: ViewerEvents): Promise<Answered>;
  /** Sends a frame and its report to all of its codec that are connected. Settles when each has them. Never rejects. */
  send(frame: EncodedFrame): Promise<Sent>;
}

export interface Sent {
  /** How many packets the frame became, before viewers. */
  readonly packets: number;
  /** When the last viewer's were handed to its socket. */
  readonly at: EpochMs;
}

export interface Answered {
  readonly answer: string;
  readonly viewer: Viewer;
}

export interface Viewer {
  /** Of the frames that it is sent. */
  readonly codec: Codec;
  /**
   * Answers an offer that restarts ICE: the viewer is on another network, and all else goes on as it is.
   * @throws {OfferError} where it is not connected, or the offer is not of the same peer.
   */
  restart(offer: string): Promise<string>;
  /** Ends it; `closed` is called once, before this returns or later. */
  close(reason: string): void;
}

/** What a viewer tells. None of these may throw. */
export interface ViewerEvents {
  /** Media can flow: what it needs now is a keyframe. */
  connected(): void;
  /** It lost its picture and asks for a keyframe. */
  keyframeNeeded(): void;
  /** Its network carries another level: it is sent that from its next keyframe on. */
  wants(level: number): void;
  /** It is sent the level that it wanted. */
  moved(level: number): void;
  /** It reports how the packets reach it. */
  received(reception: Reception): void;
  /** The way to it is one over this now. */
  reached(protocol: "udp" | "tcp" | "relay"): void;
  /** It is gone, for this reason; nothing comes after. */
  closed(reason: string): void;
}

/** What a viewer tells of its reception (RFC 3550, section 6.4). */
export interface Reception {
  /** Of the packets since its last report, 0 to 1. */
  readonly fractionLost: number;
  readonly jitter: Millis;
  /** Undefined until it has answered a report of ours. */
  readonly roundTrip: Millis | undefined;
}

/** An offer that cannot be answered; the code tells the viewer why. */
export class OfferError extends Error {
  readonly code: "bad-request" | "no-common-codec" | "not-watching";

  constructor(code: OfferError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
