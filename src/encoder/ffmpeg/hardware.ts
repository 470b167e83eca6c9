/** H.264 and AV1 by graphics processors. A trial encoding finds out which hardware works. */

import { execFile } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  FF_ENCODER_AV1_NVENC,
  FF_ENCODER_AV1_QSV,
  FF_ENCODER_AV1_VAAPI,
  FF_ENCODER_H264_NVENC,
  FF_ENCODER_H264_QSV,
  FF_ENCODER_H264_VAAPI,
  FF_ENCODER_H264_VIDEOTOOLBOX,
} from "node-av/constants";
import { Codec } from "node-av/lib";
import type { Millis } from "../../base/clock.ts";
import { lowerPriority } from "../../base/priority.ts";
import type { VideoEncoder } from "../encoder.ts";
import { AV1 } from "./av1.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { H264 } from "./h264.ts";

/** The smallest side is above the largest documented minimum, 145 pixels (NVENC). */
const COMMON = { ...H264, smallestSide: 160, threads: () => 1 } as const;

/** By preference: vendor interfaces before VAAPI, which several vendors support. */
const H264_RECIPES = {
  NVENC: {
    ...COMMON,
    encoder: FF_ENCODER_H264_NVENC,
    pixels: "i420",
    adjustable: true,
    options: () => ({
      preset: "p3",
      tune: "ull",
      zerolatency: "1",
      delay: "0",
      rc: "cbr",
      profile: "baseline",
      "forced-idr": "1",
    }),
  },
  VideoToolbox: {
    ...COMMON,
    encoder: FF_ENCODER_H264_VIDEOTOOLBOX,
    pixels: "nv12",
    adjustable: false,
    options: () => ({ realtime: "1", profile: "constrained_baseline" }),
  },
  QSV: {
    ...COMMON,
    encoder: FF_ENCODER_H264_QSV,
    pixels: "nv12",
    adjustable: true,
    options: () => ({ async_depth: "1", preset: "veryfast", profile: "baseline", forced_idr: "1" }),
  },
  VAAPI: {
    ...COMMON,
    encoder: FF_ENCODER_H264_VAAPI,
    pixels: "nv12",
    surfaces: "vaapi",
    adjustable: false,
    options: () => ({ async_depth: "1", profile: "constrained_baseline" }),
  },
} as const satisfies Record<string, Recipe>;

const AV1_COMMON = { ...AV1, smallestSide: COMMON.smallestSide } as const;

const AV1_RECIPES: Partial<Record<keyof typeof H264_RECIPES, Recipe>> = {
  NVENC: {
    ...H264_RECIPES.NVENC,
    ...AV1_COMMON,
    encoder: FF_ENCODER_AV1_NVENC,
    options: () => ({
      preset: "p3",
      tune: "ull",
      zerolatency: "1",
      delay: "0",
      rc: "cbr",
      "forced-idr": "1",
    }),
  },
  QSV: {
    ...H264_RECIPES.QSV,
    ...AV1_COMMON,
    encoder: FF_ENCODER_AV1_QSV,
    options: () => ({ async_depth: "1", preset: "veryfast", forced_idr: "1" }),
  },
  VAAPI: {
    ...H264_RECIPES.VAAPI,
    ...AV1_COMMON,
    encoder: FF_ENCODER_AV1_VAAPI,
    options: () => ({ async_depth: "1" }),
  },
};

const RECIPES = { h264: H264_RECIPES, av1: AV1_RECIPES } as const;

/** The interfaces to encoder hardware, as named in the log. */
export type Hardware = keyof typeof H264_RECIPES;
/** The codecs that hardware can encode. */
export type HardwareCodec = keyof typeof RECIPES;

/** All interfaces, by preference. */
export const HARDWARE = Object.keys(H264_RECIPES) as readonly Hardware[];

/** Limit for one trial; all trials run at the same time. */
const TRIAL_TIMEOUT: Millis = 5000;

const TRIAL = fileURLToPath(new URL(`./trial${extname(import.meta.filename)}`, import.meta.url));

/** Makes an encoder, not yet open. Throws if this hardware interface never has the codec. */
export function hardwareEncoder(codec: HardwareCodec, hardware: Hardware): VideoEncoder {
  const recipe: Recipe | undefined = RECIPES[codec][hardware];
  if (!recipe) throw new Error(`${hardware} does not support ${codec}`);
  return new FfmpegEncoder(recipe);
}

/**
 * Finds the hardware that works here, by preference. Each trial has a process of its own, because a driver may crash,
 * hang, or write to stderr.
 * @param run runs a trial, and rejects if it fails; only tests pass their own.
 */
export async function findHardware(
  codec: HardwareCodec,
  run: (codec: HardwareCodec, hardware: Hardware) => Promise<void> = runTrial,
): Promise<Hardware[]> {
  const built = HARDWARE.filter((hardware) => {
    const recipe: Recipe | undefined = RECIPES[codec][hardware];
    return recipe && Codec.findEncoderByName(recipe.encoder);
  });
  const works = await Promise.all(
    built.map((hardware) =>
      run(codec, hardware).then(
        () => true,
        () => false,
      ),
    ),
  );
  return built.filter((_, n) => works[n]);
}

/** Runs one trial. Rejects if it fails; the error's `stdout` has the reason. */
export async function runTrial(
  codec: string,
  hardware: string,
  timeout: Millis = TRIAL_TIMEOUT,
): Promise<void> {
  const limit = { timeout, killSignal: "SIGKILL" } as const;
  const trial = promisify(execFile)(process.execPath, [TRIAL, codec, hardware], limit);
  // Do not delay the server's first picture.
  if (trial.child.pid !== undefined) lowerPriority(trial.child.pid);
  await trial;
}
