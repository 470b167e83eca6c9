/** The targets for WebRTC, compared with the results. */
import type { Equal } from "./equal.ts";
import type { Result } from "./run.ts";

/** All lanes over one network. */
export interface Outcome {
  readonly profile: string;
  readonly about: string;
  readonly lanes: readonly Result[];
}

/** A target and whether the run reached it. */
export interface Target {
  readonly what: string;
  readonly reached: boolean;
}

/** Returns the targets that the run has figures for. */
export function targets(outcomes: readonly Outcome[], equal: readonly Equal[]): Target[] {
  const all: Target[] = [];
  const webrtcOver = (profile: string) =>
    outcomes.find((outcome) => outcome.profile === profile)?.lanes.find(({ lane }) => lane === "webrtc");
  const add = (what: string, reached: boolean) => all.push({ what, reached });

  const loss = webrtcOver("loss");
  if (loss) {
    add(`5 % loss: no freeze over 300 ms (${Math.round(loss.longest)})`, loss.longest <= 300);
    add(`5 % loss: p95 under 200 ms (${Math.round(loss.p95)})`, loss.p95 < 200);
  }
  const uplink = webrtcOver("uplink");
  // A few frames in time are not live video.
  if (uplink) {
    const share = uplink.frames / uplink.drawn;
    const seen = `${Math.round(uplink.median)}, ${Math.round(100 * share)} % of the frames`;
    add(
      `1 Mbit/s: median under 200 ms, half of the frames shown (${seen})`,
      uplink.median < 200 && share >= 0.5,
    );
  }
  const drop = webrtcOver("drop");
  if (drop) {
    const { liveAgain = Number.POSITIVE_INFINITY } = drop;
    const seen = Number.isFinite(liveAgain) ? `${(liveAgain / 1000).toFixed(1)} s` : "never";
    add(`after the drop to 500 kbit/s live again within 2 s (${seen})`, liveAgain <= 2000);
  }
  const shipped = equal.at(-1);
  if (shipped) {
    const ratio = shipped.jpeg / shipped.vp8;
    add(`a tenth of the bytes at equal SSIM, as shipped (1 of ${ratio.toFixed(1)})`, ratio >= 10);
  }
  return all;
}
