/** The video formats that an offer has (RFC 8866, section 6.6; RFC 4588; RFC 6184, section 8), and the one to send. */
import type { Codec } from "../../media/frame.ts";

/** One payload type of an offer, and the one by which its packets are sent again. */
export interface VideoFormat {
  readonly codec: Codec;
  readonly payloadType: number;
  readonly rtx: number | undefined;
}

/**
 * The first of the codecs that the offer's video can be; undefined where it can be none. `h264` stands for its other
 * form too, for those who offer no better.
 */
export function chooseFormat(offer: string, codecs: readonly Codec[]): VideoFormat | undefined {
  const formats = formatsOf(offer);
  for (const codec of codecs.flatMap((one): Codec[] => (one === "h264" ? [one, "h264-single"] : [one]))) {
    const format = formats.find((one) => one.codec === codec);
    if (format) return format;
  }
  return undefined;
}

/** The offer with this format only: the lines of all others are left out. */
export function withFormat(offer: string, { payloadType, rtx }: VideoFormat): string {
  const kept = new Set([payloadType, rtx].map(String));
  let isVideo = false;
  return offer
    .split(/\r?\n/)
    .flatMap((line) => {
      if (line.startsWith("m=")) isVideo = line.startsWith("m=video ");
      if (!isVideo) return [line];
      if (line.startsWith("m=")) {
        const [media, port, protocol, ...types] = line.split(" ");
        return [[media, port, protocol, ...types.filter((type) => kept.has(type))].join(" ")];
      }
      const [, type] = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line) ?? [];
      return type === undefined || kept.has(type) ? [line] : [];
    })
    .join("\r\n");
}

/** Those that can be sent, in the offer's order. */
function formatsOf(offer: string): VideoFormat[] {
  const names = new Map<number, string>();
  const parameters = new Map<number, string>();
  for (const line of offer.split(/\r?\n/)) {
    const [, kind, type, rest = ""] = /^a=(rtpmap|fmtp):(\d+) (.*)$/.exec(line) ?? [];
    if (kind === "rtpmap") names.set(Number(type), rest.toLowerCase());
    if (kind === "fmtp") parameters.set(Number(type), rest.toLowerCase());
  }
  /** Where each format's packets are sent again (RFC 4588, section 8.6): the first that says so. */
  const rtx = new Map<number, number>();
  for (const [type, name] of names) {
    const [, apt] = /(?:^|;) *apt=(\d{1,3}) *(?:;|$)/.exec(parameters.get(type) ?? "") ?? [];
    if (name === "rtx/90000" && apt !== undefined && !rtx.has(Number(apt))) rtx.set(Number(apt), type);
  }
  return [...names].flatMap(([payloadType, name]) => {
    const codec = codecOf(name, parameters.get(payloadType) ?? "");
    // RTP has 7 bits for it.
    return codec && payloadType < 128 ? [{ codec, payloadType, rtx: rtx.get(payloadType) }] : [];
  });
}

function codecOf(name: string, parameters: string): Codec | undefined {
  if (name === "vp8/90000") return "vp8";
  // Profile 0, main, which is meant too where nothing is said (RTP payload format for AV1, section 7.2).
  if (name === "av1/90000") return /(?:^|;) *profile=[12]/.test(parameters) ? undefined : "av1";
  // Constrained baseline: of the flags behind the profile's 42, the second says so.
  const [, flags] = /(?:^|;) *profile-level-id=42([0-9a-f]{2})[0-9a-f]{2}/.exec(parameters) ?? [];
  const profile = flags !== undefined && (Number.parseInt(flags, 16) & 0x40) !== 0;
  if (name !== "h264/90000" || !profile) return undefined;
  // Where nothing is said, 0 is meant (RFC 6184, section 8.1); 2 is for interleaved units, which nobody sends live.
  const [, mode = "0"] = /(?:^|;) *packetization-mode=(\d+)/.exec(parameters) ?? [];
  return ({ 0: "h264-single", 1: "h264" } as const)[mode];
}
