/**
 * What the main thread and a media worker say to each other. Viewers and audiences are known by numbers that the main
 * thread gives; bytes are copies, handed over.
 */

import type { EpochMs } from "../../base/clock.ts";
import type { Codec, EncodedFrame } from "../../media/frame.ts";
import type { Address } from "../../network/address.ts";
import type { OfferError, Reception } from "../audience/viewer.ts";

/** The worker's `workerData`. */
export interface WorkerSetup {
  readonly playoutDelay: boolean;
  readonly codecs: readonly Codec[];
}

/** An {@link EncodedFrame}, whose bytes come out of structured cloning as plain ones. */
export type PostedFrame = Omit<EncodedFrame, "data"> & { readonly data: Uint8Array<ArrayBuffer> };

/** The way to a viewer. */
export interface PostedRoute {
  readonly address: Address;
  readonly protocol: "udp" | "tcp" | "relay";
  /** The socket to send by; undefined has the main thread send. */
  readonly fd: number | undefined;
}

/** To the worker. */
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
      /** What its endpoint hands on. */
      readonly kind: "datagram";
      readonly viewer: number;
      readonly as: "nominated" | "dtls" | "rtp";
      readonly datagram: Uint8Array<ArrayBuffer>;
      /** Of its route; empty for a check, which is authentic already. */
      readonly key: string;
    }
  | { readonly kind: "silent"; readonly viewer: number }
  | { readonly kind: "close"; readonly viewer: number; readonly reason: string }
  /** An audience that has nobody here any more. */
  | { readonly kind: "forget"; readonly audience: number }
  /** Give a sign of life. */
  | { readonly kind: "beat" }
  /** End, once all before is done. */
  | { readonly kind: "end" };

/** Counted since the worker began. */
export interface WorkerCounters {
  readonly packets: number;
  readonly repairs: number;
  readonly refusedRtcp: number;
  readonly refusedSctp: number;
  readonly refusedHandshakes: number;
  readonly dropped: number;
}

/** From the worker. */
export type WorkerReport =
  /** It can take viewers now. */
  | { readonly kind: "ready" }
  /** The sign of life that it was asked for. */
  | { readonly kind: "beat" }
  | { readonly kind: "log"; readonly line: string }
  /** To the viewer's oldest offer that has no reply yet. */
  | {
      readonly kind: "answered";
      readonly viewer: number;
      readonly answer: string;
      readonly codec: Codec;
    }
  /** As above. */
  | {
      readonly kind: "refused";
      readonly viewer: number;
      /** Undefined for what is no fault of the offer. */
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
      /** The rendition's oldest frame that was not told of yet is sent. */
      readonly kind: "sent";
      readonly audience: number;
      /** Its name. */
      readonly rendition: string;
      readonly packets: number;
      readonly at: EpochMs;
      readonly counters: WorkerCounters;
    };

/** A copy to hand over: posting the bytes themselves would copy all of the memory that they are a part of. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** Bytes that came by a message. */
export function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
