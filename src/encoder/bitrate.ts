/** Bits per second. Encoders refuse to open with the few bits that tiny pictures would get. */
const MIN_BITRATE = 100_000;

/**
 * The bitrate that keeps rendered pictures clean on a LAN, in bits per second: 1.5 Mbit/s at 480x270 and 20 fps.
 * It grows with the pixel rate to the power of 0.6, because neighbouring pixels of larger pictures are more alike:
 * 6.2 Mbit/s at 1280x720 and 30 fps.
 */
export function defaultBitrate(width: number, height: number, fps: number): number {
  const reference = 480 * 270 * 20;
  return Math.max(MIN_BITRATE, Math.round(1_500_000 * ((width * height * fps) / reference) ** 0.6));
}
