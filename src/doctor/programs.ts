/** The encoders, each tried, and Blender. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Config, UsageError } from "../config.ts";
import { FfmpegH264Encoder } from "../encoder/h264.ts";
import { findHardware, hardwareEncoder } from "../encoder/hardware.ts";
import { tryOut } from "../encoder/tryout.ts";
import { FfmpegVp8Encoder } from "../encoder/vp8.ts";
import { blenderProgram, installedBlender } from "../source/blender/program.ts";
import { type Finding, wordsOf } from "./check.ts";

const BLENDER_STARTS_WITHIN = 7000;

export async function checkEncoders({ codecs }: Config): Promise<Finding> {
  const made = {
    vp8: () => new FfmpegVp8Encoder(),
    h264: () => new FfmpegH264Encoder(),
    av1: async () => {
      const [best] = await findHardware("av1");
      if (!best) throw new Error("no graphics processor here encodes it, so it is not sent");
      return hardwareEncoder("av1", best);
    },
  };
  const names = { vp8: "VP8", h264: "H.264", av1: "AV1" };
  const tried = await Promise.all(
    codecs.map(async (codec) => {
      try {
        await tryOut(await made[codec]());
        return { good: true, text: names[codec] };
      } catch (error) {
        return { good: false, text: `${names[codec]} fails: ${wordsOf(error)}` };
      }
    }),
  );
  const hardware = codecs.includes("h264") ? await findHardware("h264") : [];
  const texts = [
    ...tried.map(({ text }) => text),
    ...(hardware[0] ? [`H.264 by ${hardware.join(", ")}`] : []),
  ];
  const text = hardware[0] ? texts.join(", ") : `${texts.join(", ")}, by this machine's processor`;
  return { state: tried.every(({ good }) => good) ? "good" : "bad", text };
}

export async function checkBlender(config: Config): Promise<Finding> {
  const wanted = config.scene !== undefined || config.script !== undefined;
  let program: string | undefined;
  try {
    program = blenderProgram(config) ?? config.blender ?? installedBlender();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { state: "bad", text: error.message };
  }
  if (program === undefined)
    return { state: "note", text: "not found; it is needed for scenes and scripts alone" };
  try {
    const version = { timeout: BLENDER_STARTS_WITHIN, killSignal: "SIGKILL" } as const;
    const { stdout } = await promisify(execFile)(program, ["--version"], version);
    const [, number] = /^Blender (\S+)/m.exec(stdout) ?? [];
    if (number === undefined) throw new Error("it does not tell its version");
    return { state: "good", text: `${number}, ${program}` };
  } catch (error) {
    return {
      state: wanted ? "bad" : "note",
      text: `${program} does not start: ${wordsOf(error).split("\n")[0]}`,
    };
  }
}
