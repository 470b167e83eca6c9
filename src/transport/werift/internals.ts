/**
 * werift's inner parts that its public types do not give: its sockets, ICE credentials, SRTP keys and RTP senders. They may
 * change with any version, so package.json pins it and {@link prepareWerift} checks it. Only this file, `dtls/inner.ts` and
 * `dtls/session.ts` cast to them; other files use the types and functions exported here.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import {
  RTCDtlsTransport,
  type RTCPeerConnection,
  type RTCRtpSender,
  StunProtocol,
  UdpTransport,
} from "werift";
import { assertPinnedDtls } from "../dtls/inner.ts";
import type { Route } from "../io/route.ts";
import { KEY_BYTES, type MasterKey, PROFILES, type SrtpProfile } from "../rtp/srtp.ts";
import type { IceCredentials } from "../sdp/sdp.ts";

/** The result of negotiation that an RTP sender holds. */
export interface InnerSender {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly codec?: { readonly payloadType: number };
  readonly rtxPayloadType?: number;
  readonly mid?: string;
  readonly cname?: string;
  readonly headerExtensions: readonly { readonly id: number; readonly uri: string }[];
}

/** An ICE connection of our own agent, for publishing. */
export interface InnerIce {
  /** Sends on the nominated pair. */
  send(datagram: Buffer): Promise<void>;
  readonly onData: { subscribe(listener: (datagram: Buffer) => void): unknown };
}

/** What werift takes for a UDP socket of its own. */
export interface InnerSocket {
  readonly type: "udp";
  readonly closed: boolean;
  readonly address: { readonly address: string; readonly family: "IPv4"; readonly port: number };
  readonly addressFamily: 4;
  readonly host: string;
  readonly port: number;
  onData(datagram: Buffer, from: readonly [string, number]): void;
  send(datagram: Buffer): Promise<void>;
  close(): Promise<void>;
}

interface InnerDtls {
  readonly srtp: { readonly srtpProfile?: number };
  readonly cipher: { encryptPacket?: (packet: { recordLayerHeader: { contentType: number } }) => unknown };
  extractSessionKeys(
    keyBytes: number,
    saltBytes: number,
  ): Record<"localKey" | "localSalt" | "remoteKey" | "remoteSalt", Buffer>;
  send(data: Buffer): Promise<void>;
}

/** RFC 5764, section 4.1.2; RFC 7714, section 14.2. */
const SRTP_PROFILES: Readonly<Record<number, SrtpProfile>> = {
  1: "AES128_CM_HMAC_SHA1_80",
  7: "AEAD_AES_128_GCM",
};

/** werift sees every viewer at this one address, whatever its real one is (RFC 5737). */
const PLACEHOLDER_VIEWER: readonly [string, number] = ["192.0.2.1", 9];

/** The address that werift believes its socket is bound to. */
export const PLACEHOLDER_HOST = "127.0.0.1";

/** The socket for the peer connection that gathers candidates in this asynchronous context. */
const gathering = new AsyncLocalStorage<InnerSocket | "its own">();

/**
 * Replaces werift's sockets by the ones given to {@link gatherOn}. Call it before the first peer connection.
 * @throws if the installed werift is not the pinned version.
 */
export function prepareWerift(): void {
  const stun = StunProtocol.prototype as unknown as Record<string, unknown>;
  const udp = UdpTransport as unknown as { init: (...options: unknown[]) => unknown };
  if (typeof stun.datagramReceived !== "function" || typeof udp.init !== "function") {
    throw new Error("werift is not the version that package.json pins: run `npm install`");
  }
  assertPinnedDtls();
  const open = udp.init;
  udp.init = async (...options) => {
    const socket = gathering.getStore();
    if (socket === "its own") return open.apply(udp, options);
    if (!socket) throw new Error("werift opened a socket outside candidate gathering");
    return socket;
  };
  // Generated ahead, the certificate does not delay the first viewer.
  void RTCDtlsTransport.SetupCertificate();
}

/** Runs `act`; a peer connection that gathers candidates in it uses this socket. */
export function gatherOn<T>(socket: InnerSocket, act: () => Promise<T>): Promise<T> {
  return gathering.run(socket, act);
}

/** Runs `act`; peer connections that gather candidates in it open sockets of their own, as werift does by default. */
export function gatherOnOwnSockets<T>(act: () => Promise<T>): Promise<T> {
  return gathering.run("its own", act);
}

/** A socket that sends on the viewer's route. The endpoint answers connectivity checks, so only DTLS leaves by it. */
export function socketOn(route: () => Route | undefined): InnerSocket {
  return {
    type: "udp",
    closed: false,
    address: { address: PLACEHOLDER_HOST, family: "IPv4", port: PLACEHOLDER_VIEWER[1] },
    addressFamily: 4,
    host: PLACEHOLDER_HOST,
    port: PLACEHOLDER_VIEWER[1],
    onData() {},
    async send(datagram) {
      if ((datagram[0] ?? 0) >= 20) route()?.send(datagram);
    },
    async close() {},
  };
}

/** Gives werift a datagram of the viewer. */
export function deliver(socket: InnerSocket, datagram: Buffer): void {
  socket.onData(datagram, PLACEHOLDER_VIEWER);
}

/** 8 random bytes in hex: werift's own fragments have 4 digits, too few to tell the viewers of one port apart. */
export function newFragment(): string {
  return randomBytes(8).toString("hex");
}

/** Gives the connection a new user fragment. Call it before its answer is made. */
export function renewFragment(dtls: RTCDtlsTransport): IceCredentials {
  const ice = dtls.iceTransport.connection as unknown as { localUsername: string; localPassword: string };
  ice.localUsername = newFragment();
  return { fragment: ice.localUsername, password: ice.localPassword };
}

/** The ICE connection that a transport runs over. */
export function innerIce(dtls: RTCDtlsTransport): InnerIce {
  return dtls.iceTransport.connection as unknown as InnerIce;
}

/** Stops werift's own RTCP reports: the media session sends them, with correct timestamps. */
export function stopReports(sender: RTCRtpSender): void {
  (sender as unknown as { runRtcp(): Promise<void> }).runRtcp = async () => {};
}

/** @throws if the connection has no sender. */
export function innerSender(connection: RTCPeerConnection): InnerSender {
  const [sender] = connection.getSenders();
  if (!sender) throw new Error("the session has no sender");
  return sender as unknown as InnerSender;
}

/** Drops data channel packets that do not pass, before the session's receiver gets them. */
export function filterData(dtls: RTCDtlsTransport, passes: (packet: Buffer) => boolean): void {
  let receive = dtls.dataReceiver;
  Object.defineProperty(dtls, "dataReceiver", {
    get: () => (packet: Buffer) => {
      if (passes(packet)) receive(packet);
    },
    set: (receiver: typeof receive) => {
      receive = receiver;
    },
  });
}

/**
 * The SRTP keys of a finished handshake (RFC 5764, section 4.2).
 * @throws if the peer chose no protection profile, or werift does not export the keys.
 */
export function srtpKeysOf(transport: RTCDtlsTransport): { local: MasterKey; remote: MasterKey } {
  const dtls = innerDtls(transport);
  const profile = SRTP_PROFILES[dtls.srtp.srtpProfile ?? 0];
  if (!profile) throw new Error("the peer chose no SRTP protection profile");
  if (typeof dtls.extractSessionKeys !== "function") throw new Error("werift does not export its SRTP keys");
  const keys = dtls.extractSessionKeys(KEY_BYTES, PROFILES[profile].saltBytes);
  return {
    local: { profile, key: keys.localKey, salt: keys.localSalt },
    remote: { profile, key: keys.remoteKey, salt: keys.remoteSalt },
  };
}

const DTLS_ALERT = 21;
const WARNING = 1;
const CLOSE_NOTIFY = 0;

/**
 * Sends a close_notify (RFC 5246, section 7.2.1), so that the viewer sees the end at once; werift itself sends none.
 * @throws if the handshake has not begun.
 */
export function sendCloseNotify(transport: RTCDtlsTransport): void {
  const dtls = innerDtls(transport);
  const { cipher } = dtls;
  const encrypt = cipher.encryptPacket?.bind(cipher);
  if (!encrypt) return;
  cipher.encryptPacket = (packet) => {
    packet.recordLayerHeader.contentType = DTLS_ALERT;
    return encrypt(packet);
  };
  // werift encrypts synchronously within send(), so the replacement can be removed right after.
  dtls.send(Buffer.from([WARNING, CLOSE_NOTIFY])).catch(() => {});
  delete cipher.encryptPacket;
}

/** @throws if the handshake has not begun. */
function innerDtls(transport: RTCDtlsTransport): InnerDtls {
  if (!transport.dtls) throw new Error("the DTLS handshake has not begun");
  return transport.dtls as unknown as InnerDtls;
}
