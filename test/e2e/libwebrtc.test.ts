import wrtc from "@roamhq/wrtc";
import { io } from "socket.io-client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Reply } from "../../src/shared/protocol.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

let server: ServerProcess;
/** Multiplies time limits, for machines that are emulated. */
const PATIENCE = Number(process.env.RENDERCAST_TEST_PATIENCE ?? 1);

const ends: (() => unknown)[] = [];
beforeEach(async () => {
  server = await startServer();
});
afterEach(async () => {
  for (const end of ends.splice(0)) end();
  await server.stop();
});

/** A way to ask the server. */
function newSocket() {
  const socket = io(server.url, { transports: ["websocket"] });
  ends.push(() => socket.close());
  return {
    watch: (offer: string): Promise<Reply<{ answer: string }>> =>
      socket.emitWithAck("watch", { stream: "main", offer }),
    restart: (offer: string): Promise<Reply<{ answer: string }>> => socket.emitWithAck("restart", { offer }),
  };
}

/** A viewer by libwebrtc alone, which has been answered. */
async function newViewer() {
  const peer = new wrtc.RTCPeerConnection();
  ends.push(() => peer.close());
  const socket = newSocket();
  /** Of each frame that it has decoded. */
  const sizes: string[] = [];
  peer.ontrack = ({ track }) => {
    const sink = new wrtc.nonstandard.RTCVideoSink(track);
    sink.onframe = ({ frame }: { frame: { width: number; height: number } }) =>
      sizes.push(`${frame.width}x${frame.height}`);
  };
  peer.addTransceiver("video", { direction: "recvonly" });
  await peer.setLocalDescription(await peer.createOffer());
  const offer = peer.localDescription?.sdp ?? "";
  const reply = await socket.watch(offer);
  if (!reply.ok) throw new Error(reply.message);
  const { answer } = reply.value;
  await peer.setRemoteDescription({ type: "answer", sdp: answer });
  return { peer, socket, sizes, offer, answer };
}

const shows = (sizes: readonly string[], frames: number) =>
  vi.waitFor(() => expect(sizes.length).toBeGreaterThan(frames), { timeout: PATIENCE * 15_000 });

test("libwebrtc, without a browser around it, decodes every frame", async () => {
  const { sizes, answer } = await newViewer();
  await shows(sizes, 60);
  // Without it a narrow network is found seconds later.
  expect(answer).toMatch(/^a=rtcp-fb:\d+ transport-cc$/m);
  expect(answer).toMatch(/^a=extmap:\d+ \S*transport-wide-cc-extensions-01/m);
  expect(new Set(sizes)).toEqual(new Set(["480x270"]));
});

test("an ICE restart is answered with new credentials for the same session", async () => {
  const { peer, socket, sizes, answer } = await newViewer();
  await shows(sizes, 5);
  const offer = await peer.createOffer({ iceRestart: true });
  const reply = await socket.restart(offer.sdp ?? "");
  if (!reply.ok) throw new Error(reply.message);
  const restarted = reply.value.answer;
  const [before, after] = [answer, restarted].map((sdp) => sdp.match(/^a=ice-(ufrag|pwd):.*/gm) ?? []);
  expect(after).toHaveLength(2);
  for (const line of after ?? []) expect(before).not.toContain(line);
  const lasting = (sdp: string) => sdp.replace(/^a=ice-(ufrag|pwd):.*|^o=.*/gm, "");
  expect(lasting(restarted)).toBe(lasting(answer));

  await peer.setLocalDescription(offer);
  await peer.setRemoteDescription({ type: "answer", sdp: restarted });
  await shows(sizes, sizes.length + 40);
  expect(peer.connectionState).toBe("connected");
});

test("only its own certificate and socket can restart an established connection", async () => {
  const { peer, socket, sizes, offer: first } = await newViewer();
  await shows(sizes, 5);
  const { sdp: offer = "" } = await peer.createOffer({ iceRestart: true });
  const another = offer.replace(/^(a=fingerprint:\S+ )..:../gm, (_, start) => `${start}12:34`);
  expect(another).not.toBe(offer);
  expect(await socket.restart(another)).toEqual({
    ok: false,
    code: "bad-request",
    message: "The offer has a different DTLS fingerprint than the connection.",
  });

  const stranger = newSocket();
  expect(await stranger.restart(offer)).toMatchObject({ ok: false, code: "not-watching" });
  expect(await stranger.watch(first)).toMatchObject({ ok: true });
  expect(await stranger.restart(offer)).toMatchObject({ ok: false, code: "not-watching" });

  // A refused restart does not disturb the session.
  await shows(sizes, sizes.length + 20);
  await vi.waitFor(async () => expect(await socket.restart(offer)).toMatchObject({ ok: true }), {
    timeout: 10_000,
    interval: 250,
  });
});
