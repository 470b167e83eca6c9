/** Checks that every configured encoder works. */

import { reasonOf } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import { NO_AV1 } from "../encoder/encoders.ts";
import { FfmpegH264Encoder } from "../encoder/ffmpeg/h264.ts";
import { findHardware, type Hardware, hardwareEncoder } from "../encoder/ffmpeg/hardware.ts";
import { tryOut } from "../encoder/ffmpeg/tryout.ts";
import { FfmpegVp8Encoder } from "../encoder/ffmpeg/vp8.ts";
import type { Finding } from "./check.ts";

type Codecs = Config["codecs"];
type Name = Codecs[number];

const NAMES = { vp8: "VP8", h264: "H.264", av1: "AV1" } as const;

/** Results of the trials. */
export interface EncoderTrials {
  /** As `--codecs` lists them. */
  readonly codecs: Codecs;
  /** Reasons why encoders fail; a codec that works is absent. */
  readonly problems: ReadonlyMap<Name, string>;
  /** Hardware that works, in order of preference. There is none for VP8; AV1 needs some. */
  readonly hardware: { readonly h264: readonly Hardware[]; readonly av1: readonly Hardware[] };
}

/** Encodes a few frames with every codec of `--codecs`. */
export async function checkEncoders({ codecs }: Config): Promise<Finding> {
  const lookFor = (codec: "h264" | "av1") => (codecs.includes(codec) ? findHardware(codec) : []);
  const [h264, av1] = await Promise.all([lookFor("h264"), lookFor("av1")]);
  const make = {
    vp8: () => new FfmpegVp8Encoder(),
    h264: () => new FfmpegH264Encoder(),
    av1: () => av1[0] && hardwareEncoder("av1", av1[0]),
  };
  const problems = new Map<Name, string>();
  for (const codec of codecs) {
    const encoder = make[codec]();
    if (encoder) await tryOut(encoder).catch((error) => problems.set(codec, reasonOf(error)));
  }
  return describeEncoders({ codecs, problems, hardware: { h264, av1 } });
}

/** The line of the report. Like the server, it drops AV1 without hardware, and fails if no codec is left. */
export function describeEncoders({ codecs, problems, hardware }: EncoderTrials): Finding {
  const hasAv1 = hardware.av1.length > 0;
  const sent = codecs.filter((codec) => codec !== "av1" || hasAv1);
  if (sent.length === 0)
    return { state: "bad", text: "no graphics processor here encodes AV1", change: NO_AV1, prevents: true };
  const working = sent.filter((codec) => !problems.has(codec));
  const bySoftware = working.filter((codec) => codec !== "av1").map((codec) => NAMES[codec]);
  const byHardware = (["h264", "av1"] as const).filter(
    (codec) => working.includes(codec) && hardware[codec].length > 0,
  );
  const text = [
    ...(bySoftware.length > 0 ? [`${bySoftware.join(", ")} by this machine's processor`] : []),
    ...byHardware.map((codec) => `${NAMES[codec]} by ${hardware[codec].join(", ")}`),
    ...(sent.length < codecs.length ? ["AV1 is not sent, as no graphics processor here encodes it"] : []),
    ...[...problems].map(([codec, problem]) => `${NAMES[codec]} fails: ${problem}`),
  ].join("; ");
  if (problems.size === 0) return { state: sent.length < codecs.length ? "note" : "good", text };
  const failing = [...problems.keys()].map((codec) => NAMES[codec]).join(" and ");
  const change =
    working.length > 0
      ? `Leave out ${failing}: --codecs ${working.join()}.`
      : "Reinstall rendercast: its encoders do not work here.";
  return { state: "bad", text, change };
}
