/** The order of the codecs in an offer: H.264 first if this device decodes it in hardware, and VP8 only in software. */

/** A picture of the size that streams often have: phones with decoders in hardware use them for it. */
const TYPICAL_VIDEO = { width: 1280, height: 720, bitrate: 4_000_000, framerate: 30 };

let answer: Promise<boolean> | undefined;

/** Whether H.264 saves this device power. The browser is asked once. */
export function savesPowerByH264(): Promise<boolean> {
  answer ??= Promise.all([isEfficient("video/H264"), isEfficient("video/VP8")]).then(
    ([h264, vp8]) => h264 && !vp8,
  );
  return answer;
}

/** Moves H.264 to the front of the offer (RFC 3264, section 5.1): the server then prefers it. */
export function offerH264First(transceiver: RTCRtpTransceiver): void {
  const isH264 = ({ mimeType }: RTCRtpCodec) => mimeType.toLowerCase() === "video/h264";
  try {
    const { codecs = [] } = RTCRtpReceiver.getCapabilities("video") ?? {};
    const others = codecs.filter((codec) => !isH264(codec));
    transceiver.setCodecPreferences([...codecs.filter(isH264), ...others]);
  } catch {
    // An older browser: the offer keeps its order.
  }
}

/** False as well if the browser does not know. */
async function isEfficient(contentType: string): Promise<boolean> {
  try {
    const video = { ...TYPICAL_VIDEO, contentType };
    return (await navigator.mediaCapabilities.decodingInfo({ type: "webrtc", video })).powerEfficient;
  } catch {
    return false;
  }
}
