/** Checks that an encoder works: some H.264 drivers accept settings that they then ignore. */

import type { EpochMs } from "../../base/clock.ts";
import { NAL, nalType, nalUnits } from "../../media/annexb.ts";
import type { RawFrame } from "../../media/frame.ts";
import { OBU, type Obu, obusOf } from "../../media/obu.ts";
import type { VideoEncoder } from "../encoder.ts";

/** Pixels and frames per second: small, but large enough for all hardware. */
const [WIDTH, HEIGHT, FPS] = [320, 192, 20];

/** For each frame, whether a keyframe is requested; the first is one anyway. */
const KEY_REQUESTS = [false, false, true, false];

/** Constrained baseline in the second and third byte of an SPS (ITU-T H.264, section 7.3.2.1.1). */
const [PROFILE, CONSTRAINED] = [66, 0x40];

/** Opens the encoder, encodes a few pictures, and closes it. Rejects if a frame is late or not as requested. */
export async function tryOut(encoder: VideoEncoder): Promise<void> {
  await encoder.open({ width: WIDTH, height: HEIGHT, fps: FPS, bitrate: 1_000_000 });
  try {
    for (const [n, key] of KEY_REQUESTS.entries()) {
      const { type, data } = await encoder.encode(picture(n), key);
      const expected = key || n === 0 ? "key" : "delta";
      if (type !== expected) throw new Error(`frame ${n} is not a ${expected} frame`);
      if (encoder.codec === "av1" && type === "key" && !obusOf(data).some(isSequenceHeader))
        throw new Error(`frame ${n} has no sequence header`);
      if (encoder.codec !== "h264") continue;
      const units = nalUnits(data);
      const types = units.map(nalType);
      const needed = type === "key" ? [NAL.sps, NAL.pps, NAL.idr] : [NAL.slice];
      if (!needed.every((one) => types.includes(one)))
        throw new Error(`frame ${n} has only NAL units of the types ${types}`);
      const sps = units.find((unit) => nalType(unit) === NAL.sps);
      if (sps && (sps[1] !== PROFILE || ((sps[2] ?? 0) & CONSTRAINED) === 0))
        throw new Error(`frame ${n} has the profile ${sps.subarray(1, 3).toString("hex")}`);
    }
  } finally {
    encoder.close();
  }
}

function isSequenceHeader({ type }: Obu): boolean {
  return type === OBU.sequenceHeader;
}

/** A moving gradient. */
function picture(n: number): RawFrame {
  const data = Buffer.alloc(WIDTH * HEIGHT * 4);
  for (let i = 0; i < data.length; i++) data[i] = (i >> 3) + n * 16;
  const captured = (1000 + (n * 1000) / FPS) as EpochMs;
  const timings = { captured, received: captured };
  return { kind: "raw", format: "rgba", width: WIDTH, height: HEIGHT, data, number: n + 1, timings };
}
