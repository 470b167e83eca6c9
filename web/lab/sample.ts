/** The sample of the lab: one frame on the screen of one lane. */
import {
  STAGE_TEXTS,
  type Stage,
  type StageKey,
  type StageText,
  stageName,
} from "../player/figures/stages.ts";

/** The lanes, in the order in which they are shown. */
export const LANES = ["webrtc", "img", "fetch"] as const;

/** One of {@link LANES}. */
export type LaneKey = (typeof LANES)[number];

/** Names of the lanes on the page and in reports. */
export const LANE_NAMES: Readonly<Record<LaneKey, string>> = {
  webrtc: "WebRTC",
  img: "MJPEG in an <img>",
  fetch: "MJPEG by fetch",
};

/** A stage, or `rest`: all stages after the last known one. */
export type LabStageKey = StageKey | "rest";

/** The time of one stage, in milliseconds. */
export type LabStage = Stage | { readonly key: "rest"; readonly time: number };

/** The texts of a stage, as on the page. */
export function labStageText(key: LabStageKey, all: readonly LabStage[]): StageText {
  if (key === "rest")
    return {
      name: "Remainder",
      explanation: "All later stages up to the screen: the picture alone cannot tell them apart.",
    };
  return { ...STAGE_TEXTS[key], name: stageName(key, all) };
}

/** One frame that came onto the screen. */
export interface Sample {
  /** The source's frame number. */
  readonly number: number;
  /** Milliseconds since the epoch, on the page's clock. */
  readonly shownAt: number;
  /** When the pixels were complete, on the server's clock. */
  readonly captured: number;
  /** From `captured` to `shownAt`, in milliseconds. */
  readonly latency: number;
  /** Their sum is the latency. */
  readonly stages: readonly LabStage[];
}
