/** Sends RTCP sender reports to one viewer, and measures the round trip by its receiver reports. */
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { compactNtp, type ReceptionReport, senderReport } from "../rtp/rtcp.ts";
import type { PacketSender } from "./packet-sender.ts";

/** What {@link Reports} needs. */
export interface ReportsOptions {
  readonly clock: Clock;
  /** As {@link Rounds.everySecond}. */
  readonly everySecond: (act: () => void) => Cancel;
  readonly ssrc: number;
  readonly cname: string;
  readonly sender: PacketSender;
  /** Seals and sends an RTCP packet. */
  readonly sendRtcp: (packet: Buffer) => void;
}

/** The reports to and from one viewer. */
export class Reports {
  readonly #options: ReportsOptions;
  readonly #stop: Cancel;
  #roundTrip: Millis | undefined;

  constructor(options: ReportsOptions) {
    this.#options = options;
    // RFC 3550, section 6.2, recommends several seconds. One second keeps the round trip up to date.
    this.#stop = options.everySecond(() => this.send());
  }

  /** The last measured round trip; undefined before the viewer's first answer. */
  get roundTrip(): Millis | undefined {
    return this.#roundTrip;
  }

  /** Sends a report now, if a frame was sent before. */
  send(): void {
    const { clock, ssrc, cname, sender, sendRtcp } = this.#options;
    const { lastFrame, media } = sender;
    if (!lastFrame) return;
    const now = clock.now();
    const ticks = Math.round((now - lastFrame.captured) * 90);
    const rtpTimestamp = lastFrame.timestamp + ticks;
    sendRtcp(senderReport({ ssrc, cname, now, rtpTimestamp, packets: media.packets, octets: media.octets }));
  }

  /** Measures the round trip: time since our report, less the time the viewer held it (RFC 3550, section 6.4.1). */
  received({ lastSenderReport, delay }: ReceptionReport): void {
    if (lastSenderReport === 0) return;
    const elapsed = (compactNtp(this.#options.clock.now()) - lastSenderReport - delay + 2 ** 33) % 2 ** 32;
    // The viewer rounds its delay, so a short round trip can come out negative.
    this.#roundTrip = elapsed >= 2 ** 31 ? 0 : (elapsed / 65_536) * 1000;
  }

  /** Stops the reports. */
  close(): void {
    this.#stop();
  }
}
