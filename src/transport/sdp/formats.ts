/** The video formats in an offer (RFC 8866, section 6.6; RFC 4588; RFC 6184, section 8), and the choice of one to send. */
import type { Codec } from "../../media/frame.ts";
import { linesOf, sdpOf } from "./lines.ts";

/** A payload type in an offer, and those of its retransmissions and parity packets. */
export interface VideoFormat {
  readonly codec: Codec;
  readonly payloadType: number;
  readonly rtx: number | undefined;
  /** The payload type of FlexFEC's parity packets (draft-ietf-payload-flexible-fec-scheme-03). */
  readonly fec: number | undefined;
}

/**
 * The format of the first codec that the offer has; undefined if it has none of them. `h264` falls back to
 * `h264-single`, for peers that offer only that. An offer that begins with H.264 gets it, if it is among the codecs
 * (RFC 3264, section 5.1): Safari's does, and so do those of devices that decode no other codec in hardware.
 */
export function chooseFormat(offer: string, codecs: readonly Codec[]): VideoFormat | undefined {
  const formats = formatsOf(offer);
  const asksForH264 = formats[0]?.codec.startsWith("h264") && codecs.includes("h264");
  const ordered: readonly Codec[] = asksForH264 ? ["h264", ...codecs] : codecs;
  for (const codec of ordered.flatMap((one): Codec[] => (one === "h264" ? [one, "h264-single"] : [one]))) {
    const format = formats.find((one) => one.codec === codec);
    if (format) return format;
  }
  return undefined;
}

/** The offer with this format only, without the lines of all others. */
export function withFormat(offer: string, { payloadType, rtx }: VideoFormat): string {
  const kept = new Set([payloadType, rtx].map(String));
  let isVideo = false;
  const lines = linesOf(offer).flatMap((line) => {
    if (line.startsWith("m=")) isVideo = line.startsWith("m=video ");
    if (!isVideo) return [line];
    if (line.startsWith("m=")) {
      const [media, port, protocol, ...types] = line.split(" ");
      return [[media, port, protocol, ...types.filter((type) => kept.has(type))].join(" ")];
    }
    const [, type] = /^a=(?:rtpmap|fmtp|rtcp-fb):(\d+) /.exec(line) ?? [];
    return type === undefined || kept.has(type) ? [line] : [];
  });
  return sdpOf(lines);
}

/** The formats that we can send, in the order of the offer's media line, which is that of its preference. */
function formatsOf(offer: string): VideoFormat[] {
  const preferred = /^m=video \S+ \S+ (.*)$/m.exec(offer)?.[1]?.trim().split(" ") ?? [];
  const names = new Map<number, string>();
  const parameters = new Map<number, string>();
  for (const line of linesOf(offer)) {
    const [, kind, type, rest = ""] = /^a=(rtpmap|fmtp):(\d+) (.*)$/.exec(line) ?? [];
    if (kind === "rtpmap") names.set(Number(type), rest.toLowerCase());
    if (kind === "fmtp") parameters.set(Number(type), rest.toLowerCase());
  }
  /** By payload type, the first RTX payload type that names it in `apt` (RFC 4588, section 8.6). */
  const rtx = new Map<number, number>();
  for (const [type, name] of names) {
    const [, apt] = /(?:^|;) *apt=(\d{1,3}) *(?:;|$)/.exec(parameters.get(type) ?? "") ?? [];
    if (name === "rtx/90000" && apt !== undefined && !rtx.has(Number(apt))) rtx.set(Number(apt), type);
  }
  const [fec] = [...names].find(([type, name]) => name === "flexfec-03/90000" && type < 128) ?? [];
  const formats = [...names].flatMap(([payloadType, name]) => {
    const codec = codecOf(name, parameters.get(payloadType) ?? "");
    // The RTP header has 7 bits for the payload type.
    return codec && payloadType < 128 ? [{ codec, payloadType, rtx: rtx.get(payloadType), fec }] : [];
  });
  const rank = ({ payloadType }: VideoFormat) => preferred.indexOf(String(payloadType));
  return formats.sort((a, b) => rank(a) - rank(b));
}

function codecOf(name: string, parameters: string): Codec | undefined {
  if (name === "vp8/90000") return "vp8";
  // Profile 0 (main), which is also the default (RTP payload format for AV1, section 7.2).
  if (name === "av1/90000") return /(?:^|;) *profile=[12]/.test(parameters) ? undefined : "av1";
  // Constrained baseline: profile 42 with the second constraint flag set.
  const [, flags] = /(?:^|;) *profile-level-id=42([0-9a-f]{2})[0-9a-f]{2}/.exec(parameters) ?? [];
  const profile = flags !== undefined && (Number.parseInt(flags, 16) & 0x40) !== 0;
  if (name !== "h264/90000" || !profile) return undefined;
  // The default is 0 (RFC 6184, section 8.1); 2 is interleaved mode, which live senders do not use.
  const [, mode = "0"] = /(?:^|;) *packetization-mode=(\d+)/.exec(parameters) ?? [];
  return ({ 0: "h264-single", 1: "h264" } as const)[mode];
}
