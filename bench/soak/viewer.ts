/** A viewer with libwebrtc, without a browser. It counts the frames it decodes. */
import wrtc from "@roamhq/wrtc";
import { io, type Socket } from "socket.io-client";
import type { Reply, SessionAnswer } from "../../src/shared/protocol.ts";

/** One viewer. */
export class SoakViewer {
  readonly #peer = new wrtc.RTCPeerConnection();
  readonly #socket: Socket;
  readonly #stream: string;
  #sink: { stop(): void } | undefined;
  frames = 0;

  constructor(url: string, stream: string) {
    this.#stream = stream;
    this.#socket = io(url, { transports: ["websocket"], forceNew: true });
    this.#peer.ontrack = ({ track }) => {
      const sink = new wrtc.nonstandard.RTCVideoSink(track);
      sink.onframe = () => this.frames++;
      this.#sink = sink;
    };
  }

  /**
   * Joins the stream.
   * @throws with the server's message if it refuses
   */
  async join(): Promise<void> {
    this.#peer.addTransceiver("video", { direction: "recvonly" });
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const offer = this.#peer.localDescription?.sdp ?? "";
    const request = { stream: this.#stream, offer };
    const reply: Reply<SessionAnswer> = await this.#socket.timeout(10_000).emitWithAck("watch", request);
    if (!reply.ok) throw new Error(reply.message);
    await this.#peer.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
  }

  /** Leaves without notice, as a phone with an empty battery does. */
  vanish(): void {
    this.#sink?.stop();
    this.#peer.close();
    this.#socket.disconnect();
  }
}
