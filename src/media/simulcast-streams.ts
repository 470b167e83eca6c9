/** The renditions that rendercast publishes by simulcast (RFC 8853). */

/** One rendition of a simulcast. The RIDs are the ones that LiveKit expects. */
export interface SimulcastStream {
  /** The RID (RFC 8851, section 10). */
  readonly rid: string;
  /** The level of the ladder. */
  readonly level: number;
}

/** Every second level of the ladder, best first: enough choice for an SFU's viewers, with few uploads. */
export const SIMULCAST_STREAMS: readonly SimulcastStream[] = [
  { rid: "f", level: 0 },
  { rid: "h", level: 2 },
  { rid: "q", level: 4 },
];

/** The highest number of renditions in a simulcast. */
export const MAX_SIMULCAST_STREAMS = SIMULCAST_STREAMS.length;
