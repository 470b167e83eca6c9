/**
 * Sends a viewer's media with werift's own sender, if werift does not export its SRTP keys. It is slower, its reports are
 * wrong, and it keeps few packets for retransmission.
 */
import { type RTCRtpSender, RtpHeader, RtpPacket } from "werift";
import type { PacketizedFrame } from "../packets/history.ts";
import type { HeaderExtension } from "../rtp/header.ts";

/** Has the methods of a {@link MediaSession} that a viewer's session calls. */
export class WeriftMedia {
  readonly #sender: RTCRtpSender;
  readonly #extensions: readonly HeaderExtension[];
  readonly #receive: (datagram: Buffer) => void;
  #started = false;

  /** @param receive gives werift a datagram of the viewer. */
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

  /** Sends a frame; drops frames before the first keyframe. */
  send({ type, packets }: PacketizedFrame): void {
    this.#started ||= type === "key";
    if (!this.#started) return;
    for (const { index, timestamp, marker, payload } of packets) {
      const header = new RtpHeader({ sequenceNumber: index % 2 ** 16, timestamp, marker, extension: true });
      // werift adds the transport-wide counter itself.
      header.extensions = this.#extensions.flatMap(({ id, data }) =>
        data === "counter" ? [] : [{ id, payload: data }],
      );
      // It fails only if the transport closes, which the session sees too.
      this.#sender.sendRtp(new RtpPacket(header, payload)).catch(() => {});
    }
  }

  /**
   * Takes SRTP or SRTCP.
   * @returns false: werift does not say which packets are authentic.
   */
  receive(datagram: Buffer): boolean {
    this.#receive(datagram);
    return false;
  }

  /** Does nothing: the connection closes the sender. */
  close(): void {}
}
