/** The encoders, each tried. */

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

/** What trying the encoders has shown. */
export interface Tried {
  /** As they were asked for. */
  readonly codecs: Codecs;
  /** Why the encoder of a codec does not work. */
  readonly problems: ReadonlyMap<Name, string>;
  /** What works, by preference; of VP8 there is none, and AV1 without any is not sent. */
  readonly hardware: { readonly h264: readonly Hardware[]; readonly av1: readonly Hardware[] };
}

/** Tries what `--codecs` asks for. */
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
  return tellEncoders({ codecs, problems, hardware: { h264, av1 } });
}

/** As the server does: without hardware AV1 is not sent, and where it is all that was asked for nothing starts. */
export function tellEncoders({ codecs, problems, hardware }: Tried): Finding {
  const hasAv1 = hardware.av1.length > 0;
  const sent = codecs.filter((codec) => codec !== "av1" || hasAv1);
  if (sent.length === 0)
    return { state: "bad", text: "no graphics processor here encodes AV1", change: NO_AV1, prevents: true };
  const sound = sent.filter((codec) => !problems.has(codec));
  const bySoftware = sound.filter((codec) => codec !== "av1").map((codec) => NAMES[codec]);
  const byHardware = (["h264", "av1"] as const).filter(
    (codec) => sound.includes(codec) && hardware[codec].length > 0,
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
    sound.length > 0
      ? `Leave ${failing} out: --codecs ${sound.join()}.`
      : "Install rendercast anew: its encoders do not work here.";
  return { state: "bad", text, change };
}
