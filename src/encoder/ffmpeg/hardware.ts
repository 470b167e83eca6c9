/** H.264 and AV1 by graphics processors: which of them there are is found by trying. */
import { execFile } from "node:child_process";
import { constants, setPriority } from "node:os";
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
import type { VideoEncoder } from "../encoder.ts";
import { AV1 } from "./av1.ts";
import { FfmpegEncoder, type Recipe } from "./ffmpeg.ts";
import { H264 } from "./h264.ts";

/** Of those that tell, none takes less than this: 145 pixels (NVENC). */
const COMMON = { ...H264, smallestSide: 160, threads: () => 1 } as const;

/** By preference: the makers' own before what is common to several. */
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

export type Hardware = keyof typeof H264_RECIPES;
/** What is encoded by hardware where that is there. */
export type HardwareCodec = keyof typeof RECIPES;

export const HARDWARE = Object.keys(H264_RECIPES) as readonly Hardware[];

/** All are tried at once; a driver that takes longer to wake is of no use. */
const TRIED_WITHIN: Millis = 5000;

const TRIAL = fileURLToPath(new URL(`./trial${extname(import.meta.filename)}`, import.meta.url));

/** @throws where none of this kind has the codec. */
export function hardwareEncoder(codec: HardwareCodec, hardware: Hardware): VideoEncoder {
  const recipe: Recipe | undefined = RECIPES[codec][hardware];
  if (!recipe) throw new Error(`${hardware} has no ${codec}`);
  return new FfmpegEncoder(recipe);
}

/**
 * Which work here, by preference. Each is tried in a process of its own: a driver may crash, hang, and write to stderr.
 * @param run runs a trial, and rejects where it fails; only tests pass their own.
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

/** Rejects where it fails; the error has what the trial said as its `stdout`. */
export async function runTrial(
  codec: string,
  hardware: string,
  within: Millis = TRIED_WITHIN,
): Promise<void> {
  const limit = { timeout: within, killSignal: "SIGKILL" } as const;
  const trial = promisify(execFile)(process.execPath, [TRIAL, codec, hardware], limit);
  // As the server starts, its first picture goes first.
  if (trial.child.pid !== undefined) setPriority(trial.child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  await trial;
}
