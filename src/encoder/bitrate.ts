/** With fewer, which pictures of some pixels would have, encoders do not open. */
const LEAST = 100_000;

/**
 * The bitrate that keeps rendered pictures clean on a LAN, in bits a second.
 * 1.5 Mbit/s at 480x270 and 20 fps; it grows by the power 0.6 of the pixels a second, since larger
 * pictures have more pixels alike: 6.2 Mbit/s at 1280x720 and 30 fps.
 */
export function defaultBitrate(width: number, height: number, fps: number): number {
  const reference = 480 * 270 * 20;
  return Math.max(LEAST, Math.round(1_500_000 * ((width * height * fps) / reference) ** 0.6));
}
