import wrtc from "@roamhq/wrtc";
import { io } from "socket.io-client";
import { afterEach, expect, test, vi } from "vitest";
import type { Reply } from "../../src/signaling/protocol.ts";
import { type ServerProcess, startServer } from "./server.ts";

let server: ServerProcess | undefined;
afterEach(async () => {
  await server?.stop();
});

test("libwebrtc, without a browser around it, decodes every frame", async () => {
  server = await startServer();
  const peer = new wrtc.RTCPeerConnection();
  const socket = io(server.url, { transports: ["websocket"] });
  try {
    const sizes: string[] = [];
    peer.ontrack = ({ track }) => {
      const sink = new wrtc.nonstandard.RTCVideoSink(track);
      sink.onframe = ({ frame }: { frame: { width: number; height: number } }) =>
        sizes.push(`${frame.width}x${frame.height}`);
    };
    peer.addTransceiver("video", { direction: "recvonly" });
    await peer.setLocalDescription(await peer.createOffer());
    const request = { stream: "main", offer: peer.localDescription?.sdp };
    const reply: Reply<{ answer: string }> = await socket.emitWithAck("watch", request);
    if (!reply.ok) throw new Error(reply.message);
    await peer.setRemoteDescription({ type: "answer", sdp: reply.value.answer });
    await vi.waitFor(() => expect(sizes.length).toBeGreaterThan(60), { timeout: 15_000 });
    expect(new Set(sizes)).toEqual(new Set(["480x270"]));
  } finally {
    peer.close();
    socket.close();
  }
});
