/** A viewer by libwebrtc, without a browser: it counts the frames that it has decoded. */
import wrtc from "@roamhq/wrtc";
import { io, type Socket } from "socket.io-client";
import type { Reply, SessionAnswer } from "../../src/signaling/protocol.ts";

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

  /** @throws what the server says where it does not let it in. */
  async join(): Promise<void> {
    this.#peer.addTransceiver("video", { direction: "recvonly" });
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const offer = this.#peer.localDescription?.sdp ?? "";
    const request = { stream: this.#stream, offer };
    const reply: Reply<SessionAnswer> = await this.#socket.timeout(10_000).emitWithAck("watch", request);
    if (!reply.ok) throw new Error(reply.message);
    await this.#peer.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
  }

  /** Without a goodbye, as one whose battery is empty. */
  vanish(): void {
    this.#sink?.stop();
    this.#peer.close();
    this.#socket.disconnect();
  }
}
