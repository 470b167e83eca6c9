/** The renditions that are published by simulcast (RFC 8853). */

/** A rendition and its name: those that LiveKit expects, in the order of preference. */
export interface SimulcastStream {
  /** Its RID (RFC 8851, section 10). */
  readonly rid: string;
  /** Of the ladder. */
  readonly level: number;
}

/** Every second level of the ladder: an SFU's viewers find what they need with few uploads. */
export const SIMULCAST_STREAMS: readonly SimulcastStream[] = [
  { rid: "f", level: 0 },
  { rid: "h", level: 2 },
  { rid: "q", level: 4 },
];

/** The most renditions that are sent by simulcast. */
export const MAX_SIMULCAST_STREAMS = SIMULCAST_STREAMS.length;
