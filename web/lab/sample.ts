/** What the lab measures: one frame on the screen of one lane. */
import {
  STAGE_TEXTS,
  type Stage,
  type StageKey,
  type StageText,
  stageName,
} from "../player/figures/stages.ts";

/** The lanes, in the order they are shown. */
export const LANES = ["webrtc", "img", "fetch"] as const;

export type LaneKey = (typeof LANES)[number];

/** What a lane is called, in plots, tables and reports. */
export const LANE_NAMES: Readonly<Record<LaneKey, string>> = {
  webrtc: "WebRTC",
  img: "MJPEG in an <img>",
  fetch: "MJPEG by fetch",
};

/** A stage, or what nobody tells apart: all that came after the last one known. */
export type LabStageKey = StageKey | "rest";

/** What one stage took, in milliseconds. */
export type LabStage = Stage | { readonly key: "rest"; readonly time: number };

/** The texts of a stage, as on the page. */
export function labStageText(key: LabStageKey, all: readonly LabStage[]): StageText {
  if (key === "rest")
    return {
      name: "Remainder",
      explanation:
        "All stages from the server's complete picture to the screen, which the picture cannot tell apart.",
    };
  return { ...STAGE_TEXTS[key], name: stageName(key, all) };
}

/** One frame that came onto the screen. */
export interface Sample {
  /** The source's number of the frame. */
  readonly number: number;
  /** Milliseconds since the epoch, on the page's clock. */
  readonly shownAt: number;
  /** When its pixels were complete, on the server's clock. */
  readonly captured: number;
  /** From the one to the other, in milliseconds. */
  readonly latency: number;
  /** They sum up to the latency. */
  readonly stages: readonly LabStage[];
}
