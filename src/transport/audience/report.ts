/** Frame reports, sent to viewers on their data channels. */
import type { EpochMs } from "../../base/clock.ts";
import type { EncodedFrame } from "../../media/frame.ts";
import type { FrameReport } from "../../shared/protocol.ts";

/** A frame's report as JSON. Inserts the telemetry's own text, so that no frame costs parsing and serializing it. */
export function reportOf(
  { rtpTimestamp, number, timings, level, telemetry }: EncodedFrame,
  sent: EpochMs,
): string {
  const { captured, received, decoded = received, encoded = decoded } = timings;
  const report: FrameReport = { rtpTimestamp, number, captured, received, decoded, encoded, sent, level };
  const json = JSON.stringify(report);
  return telemetry === undefined ? json : `${json.slice(0, -1)},"telemetry":${telemetry}}`;
}
