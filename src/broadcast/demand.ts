/** What a stream's audience needs of its source and its stages. Nothing beyond that is decoded or encoded. */
import type { RenditionId } from "../media/frame.ts";

/** Everything that takes frames or pictures of one stream, each with how many there are of it. */
export interface Takers {
  /** By WebRTC, connected or not. */
  readonly viewers: { readonly size: number; renditions(): readonly RenditionId[] };
  readonly mjpeg: { readonly size: number };
  /** Servers that the stream is forwarded to. */
  readonly feeds: { readonly size: number; renditions(): readonly RenditionId[] };
  /** Snapshots that wait for the next picture. */
  readonly snapshots: { readonly waiting: number };
  /** Followers of the telemetry without its pictures. */
  readonly telemetry: { readonly followers: number };
}

/** What is needed now. */
export interface Demand {
  /** The renditions to encode, some of them more than once. */
  readonly renditions: readonly RenditionId[];
  /** Whether pictures must be decoded. */
  readonly pictures: boolean;
  /** Whether the source must deliver frames: telemetry needs them, but not their pictures. */
  readonly frames: boolean;
}

/** @returns what these takers need now. */
export function demandOf({ viewers, mjpeg, feeds, snapshots, telemetry }: Takers): Demand {
  const pictures = viewers.size + mjpeg.size + feeds.size + snapshots.waiting > 0;
  return {
    renditions: [...viewers.renditions(), ...feeds.renditions()],
    pictures,
    frames: pictures || telemetry.followers > 0,
  };
}
