/**
 * Peers of a server under test, honest and not: werift's own DTLS, of which a test changes what a peer proves, leaves out
 * or says. A viewer comes by WHEP, an SFU takes what is published by WHIP.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RTCPeerConnection, RTCRtpCodecParameters } from "werift";

const HELLO_VERIFY_REQUEST = 3;

/** As werift takes one: RSA with SHA-256 or ECDSA with SHA-256 (as TLS numbers them). */
export interface Identity {
  readonly certPem: string;
  readonly keyPem: string;
  readonly signatureHash: { readonly hash: 4; readonly signature: 1 | 3 };
}

/** A flight of messages as werift makes it: each method gives the records of a message, or nothing to leave it out. */
interface Flight {
  sendCertificate(): Buffer | undefined;
  sendCertificateVerify(): Buffer | undefined;
  transmit(records: Buffer[]): Promise<void>;
}

/** The inside of werift's DTLS, as far as a test changes it. */
export interface InnerDtls {
  readonly cipher: {
    localCert: Buffer;
    remoteRandom: { serialize(): Buffer };
    verifyData(transcript: Buffer): Buffer;
    generateKeySignature(hash: string): Buffer;
  };
  readonly transport: {
    send(datagram: Buffer): Promise<void>;
    readonly socket: { onData: (datagram: Buffer) => void };
  };
  /** The client's answer, from when it begins. */
  flight5?: Flight;
}

/** What a peer does otherwise than werift. */
export type Trick = (dtls: InnerDtls) => void;

/** Changes a client's answer before it is made. */
export function inAnswer(change: (flight: Flight) => void): Trick {
  return (dtls) => {
    let present: Flight | undefined;
    Object.defineProperty(dtls, "flight5", {
      get: () => present,
      set: (flight: Flight) => {
        present = flight;
        change(flight);
      },
    });
  };
}

/** What changes a handshake message, from its type on. */
export type Change = (message: Buffer) => void;

/** Changes the messages of one type in the clear, as somebody on their way does. */
export function alter(type: number, change: Change): { sent: Trick; heard: Trick } {
  const changed = (datagram: Buffer) => {
    for (let at = 0; at + 25 <= datagram.length; at += 13 + datagram.readUInt16BE(at + 11)) {
      const isClearHandshake = datagram[at] === 22 && datagram.readUInt16BE(at + 3) === 0;
      if (isClearHandshake && datagram[at + 13] === type)
        change(datagram.subarray(at + 13, at + 13 + datagram.readUInt16BE(at + 11)));
    }
    return datagram;
  };
  return {
    sent: ({ transport }) => {
      const send = transport.send.bind(transport);
      transport.send = (datagram) => send(changed(Buffer.from(datagram)));
    },
    heard: ({ transport: { socket } }) => {
      const hear = socket.onData.bind(socket);
      socket.onData = (datagram) => hear(changed(datagram));
    },
  };
}

function newPeer(identity: Identity): RTCPeerConnection {
  const rtcpFeedback = [{ type: "nack" }, { type: "nack", parameter: "pli" }];
  return new RTCPeerConnection({
    codecs: {
      video: [new RTCRtpCodecParameters({ mimeType: "video/VP8", clockRate: 90_000, rtcpFeedback })],
    },
    dtls: { keys: identity },
    // No other server is asked for an address.
    iceServers: [{ urls: "stun:127.0.0.1:9" }],
    iceStunGatherTimeout: 0.01,
    iceAdditionalHostAddresses: ["127.0.0.1"],
    iceUseIpv6: false,
  });
}

function play(peer: RTCPeerConnection, trick: Trick): void {
  const [transport] = peer.dtlsTransports;
  let dtls: unknown;
  Object.defineProperty(transport, "dtls", {
    get: () => dtls,
    set: (begun: InnerDtls) => {
      dtls = begun;
      hearOneCookie(begun);
      trick(begun);
    },
  });
}

/** A second HelloVerifyRequest, which a slow machine brings about, ends werift's own client. */
function hearOneCookie({ transport: { socket } }: InnerDtls): void {
  const hear = socket.onData.bind(socket);
  let cookies = 0;
  socket.onData = (datagram) => {
    if (datagram[0] !== 22 || datagram[13] !== HELLO_VERIFY_REQUEST || ++cookies === 1) hear(datagram);
  };
}

/** Counts the RTP packets that can be opened. */
function countMedia(peer: RTCPeerConnection): () => number {
  let packets = 0;
  peer.onTrack.subscribe((track) => track.onReceiveRtp.subscribe(() => packets++));
  return () => packets;
}

export interface DtlsPeer {
  /** RTP packets that came and could be opened. */
  packets(): number;
  close(): Promise<void>;
}

export interface Viewer extends DtlsPeer {
  /** The address of its session, for as long as that lasts. */
  readonly session: string;
}

/** Watches by WHEP. */
export async function watchByWhep(
  endpoint: string,
  token: string,
  identity: Identity,
  trick: Trick = () => {},
): Promise<Viewer> {
  const peer = newPeer(identity);
  peer.addTransceiver("video", { direction: "recvonly" });
  // By which it is told of each frame.
  peer.createDataChannel("frames");
  const packets = countMedia(peer);
  await peer.setLocalDescription(await peer.createOffer());
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` },
    body: peer.localDescription?.sdp.replace(/a=setup:\w+/g, "a=setup:actpass") ?? "",
  });
  if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
  const sdp = await response.text();
  play(peer, trick);
  await peer.setRemoteDescription({ type: "answer", sdp });
  const session = new URL(response.headers.get("location") ?? "", endpoint).href;
  return { packets, session, close: () => peer.close() };
}

export interface Sfu extends DtlsPeer {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** Its endpoint, for `--forward`. */
  readonly target: string;
}

/** Takes what is published by WHIP. The certificate that its answer names is the identity's. */
export async function startSfu(
  role: "server" | "client",
  identity: Identity,
  trick: Trick = () => {},
): Promise<Sfu> {
  const peers: RTCPeerConnection[] = [];
  const counts: (() => number)[] = [];
  const http = createServer(async (request, response) => {
    let offer = "";
    for await (const chunk of request) offer += chunk;
    if (request.method !== "POST") return void response.end();
    const peer = newPeer(identity);
    peers.push(peer);
    counts.push(countMedia(peer));
    await peer.setRemoteDescription({ type: "offer", sdp: offer });
    for (const transport of peer.dtlsTransports) transport.role = role;
    await peer.setLocalDescription(await peer.createAnswer());
    play(peer, trick);
    response.writeHead(201, { "Content-Type": "application/sdp", Location: "/session" });
    response.end(peer.localDescription?.sdp);
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  const host = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    host,
    target: `whip+http://${host}/whip`,
    packets: () => counts.reduce((sum, count) => sum + count(), 0),
    async close() {
      http.closeAllConnections();
      http.close();
      await Promise.all(peers.map((peer) => peer.close()));
    },
  };
}
