/**
 * The messages between the main thread and a media worker. The main thread numbers viewers and audiences; bytes are copied
 * and transferred.
 */

import type { EpochMs } from "../../base/clock.ts";
import type { LogFields } from "../../base/log.ts";
import type { Codec, EncodedFrame } from "../../media/frame.ts";
import type { Address } from "../../network/address.ts";
import type { OfferError, Reception } from "../audience/viewer.ts";

/** The `workerData` of a worker. */
export interface WorkerSetup {
  readonly playoutDelay: boolean;
  readonly codecs: readonly Codec[];
}

/** An {@link EncodedFrame} whose data is a Uint8Array: structured cloning does not keep a Buffer. */
export type PostedFrame = Omit<EncodedFrame, "data"> & { readonly data: Uint8Array<ArrayBuffer> };

/** A {@link Route} without its functions. */
export interface PostedRoute {
  readonly address: Address;
  readonly protocol: "udp" | "tcp" | "relay";
  /** The UDP socket to send on; undefined if only the main thread can send. */
  readonly fd: number | undefined;
}

/** From the main thread to the worker. */
export type WorkerOrder =
  | {
      readonly kind: "admit";
      readonly audience: number;
      readonly viewer: number;
      readonly offer: string;
      readonly candidates: string[];
    }
  | {
      readonly kind: "restart";
      readonly viewer: number;
      readonly offer: string;
      readonly candidates: string[];
    }
  | { readonly kind: "frame"; readonly audience: number; readonly frame: PostedFrame }
  | { readonly kind: "routed"; readonly viewer: number; readonly route: PostedRoute | undefined }
  | {
      /** A datagram of the viewer, for the endpoint event named `as`. */
      readonly kind: "datagram";
      readonly viewer: number;
      readonly as: "nominated" | "dtls" | "rtp";
      readonly datagram: Uint8Array<ArrayBuffer>;
      /** The key of its route; empty for a check, which is already authenticated. */
      readonly key: string;
    }
  | { readonly kind: "silent"; readonly viewer: number }
  | { readonly kind: "close"; readonly viewer: number; readonly reason: string }
  /** The audience has no viewers in this worker any more. */
  | { readonly kind: "forget"; readonly audience: number }
  /** Asks for a `beat` report. */
  | { readonly kind: "beat" }
  /** Ends the thread after the orders before. */
  | { readonly kind: "end" };

/** Counters since the worker started. */
export interface WorkerCounters {
  readonly packets: number;
  readonly repairs: number;
  readonly parity: number;
  readonly refusedRtcp: number;
  readonly refusedSctp: number;
  readonly refusedHandshakes: number;
  readonly dropped: number;
}

/** From the worker to the main thread. */
export type WorkerReport =
  /** The worker can take viewers. */
  | { readonly kind: "ready" }
  /** Answers a `beat` order. */
  | { readonly kind: "beat" }
  | { readonly kind: "log"; readonly line: string; readonly fields?: LogFields }
  /** Answers the viewer's oldest offer without a reply. */
  | {
      readonly kind: "answered";
      readonly viewer: number;
      readonly answer: string;
      readonly codec: Codec;
    }
  /** Refuses the viewer's oldest offer without a reply. */
  | {
      readonly kind: "refused";
      readonly viewer: number;
      /** Undefined if the offer is not the cause. */
      readonly code: OfferError["code"] | undefined;
      readonly message: string;
    }
  | {
      readonly kind: "accept";
      readonly viewer: number;
      readonly fragment: string;
      readonly password: string;
    }
  | { readonly kind: "handshake-done"; readonly viewer: number }
  /** As {@link Registration.heard}. */
  | { readonly kind: "heard"; readonly viewer: number; readonly key: string }
  | { readonly kind: "connected"; readonly viewer: number }
  | { readonly kind: "keyframe-needed"; readonly viewer: number }
  | { readonly kind: "wants" | "moved"; readonly viewer: number; readonly level: number }
  | { readonly kind: "received"; readonly viewer: number; readonly reception: Reception }
  | { readonly kind: "send"; readonly viewer: number; readonly datagram: Uint8Array<ArrayBuffer> }
  | { readonly kind: "closed"; readonly viewer: number; readonly reason: string }
  | {
      /** The rendition's oldest unreported frame is sent. */
      readonly kind: "sent";
      readonly audience: number;
      /** The name of the rendition. */
      readonly rendition: string;
      readonly packets: number;
      readonly at: EpochMs;
      readonly counters: WorkerCounters;
    };

/** A copy to transfer: posting the bytes themselves would clone the whole memory that they are a part of. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** The bytes of a message as a Buffer, without a copy. */
export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
