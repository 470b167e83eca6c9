/**
 * A viewer's media by werift itself: slower, without right reports, and with a short memory for repairs. For a werift
 * that does not give its keys away as the pinned version does.
 */
import { type RTCRtpSender, RtpHeader, RtpPacket } from "werift";
import type { PacketizedFrame } from "../packets/history.ts";
import type { HeaderExtension } from "../rtp/header.ts";

export class WeriftMedia {
  readonly #sender: RTCRtpSender;
  readonly #extensions: readonly HeaderExtension[];
  readonly #receive: (datagram: Buffer) => void;
  #started = false;

  /** @param receive takes what the viewer sends, to werift. */
  constructor(
    sender: RTCRtpSender,
    extensions: readonly HeaderExtension[],
    receive: (datagram: Buffer) => void,
    keyframeNeeded: () => void,
  ) {
    this.#sender = sender;
    this.#extensions = extensions;
    this.#receive = receive;
    sender.onPictureLossIndication.subscribe(keyframeNeeded);
  }

  send({ type, packets }: PacketizedFrame): void {
    this.#started ||= type === "key";
    if (!this.#started) return;
    for (const { index, timestamp, marker, payload } of packets) {
      const header = new RtpHeader({ sequenceNumber: index % 2 ** 16, timestamp, marker, extension: true });
      // It counts the transport's packets by itself.
      header.extensions = this.#extensions.flatMap(({ id, data }) =>
        data === "counter" ? [] : [{ id, payload: data }],
      );
      // It fails only where the transport closes under it, which the session hears of.
      this.#sender.sendRtp(new RtpPacket(header, payload)).catch(() => {});
    }
  }

  /** @returns false: werift does not tell which are authentic. */
  receive(datagram: Buffer): boolean {
    this.#receive(datagram);
    return false;
  }

  close(): void {}
}
