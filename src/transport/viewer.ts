/** The contract of a viewer: one peer connection that takes packets and tells of its life. */
import type { PacketizedFrame } from "./history.ts";
import type { Reception } from "./media.ts";

export interface Viewer {
  /** What it last told of its reception; undefined before. */
  readonly reception: Reception | undefined;
  /** Sends a frame; drops it until it is connected. Never blocks or throws. */
  send(frame: PacketizedFrame): void;
  /** Sends the report that belongs to the frame just sent; dropped where the viewer has not asked for any. */
  report(json: string): void;
  /** Ends it; `closed` is called once, before this returns or later. */
  close(reason: string): void;
}

/** What a viewer tells. None of these may throw. */
export interface ViewerEvents {
  /** Media can flow: what it needs now is a keyframe. */
  connected(): void;
  /** It lost its picture and asks for a keyframe. */
  keyframeNeeded(): void;
  /** It is gone, for this reason; nothing comes after. */
  closed(reason: string): void;
}

/** An offer that cannot be answered; the code tells the viewer why. */
export class OfferError extends Error {
  readonly code: "bad-request" | "no-common-codec";

  constructor(code: OfferError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
