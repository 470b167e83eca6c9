/**
 * A viewer's session over werift: session descriptions, DTLS and data channels. Its packets come and go by our own port,
 * and its media by our own path. Only this file and those in `dtls` touch werift's inner parts, which may change with
 * any version: package.json pins it, and {@link prepareWerift} looks at start.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import {
  type RTCDataChannel,
  RTCDtlsTransport,
  type RTCPeerConnection,
  StunProtocol,
  UdpTransport,
} from "werift";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Rounds } from "../../base/rounds.ts";
import type { Codec } from "../../media/frame.ts";
import { FRAMES_CHANNEL } from "../../shared/protocol.ts";
import type { Answer, Recipient } from "../audience/audience.ts";
import { OfferError, type ViewerEvents } from "../audience/viewer.ts";
import { mustKnowDtls } from "../dtls/inner.ts";
import type { HandshakeRefusals } from "../dtls/refusals.ts";
import { type GuardedDtls, guardDtls } from "../dtls/session.ts";
import type { Route } from "../io/route.ts";
import type { PacketizedFrame } from "../packets/history.ts";
import type { Registration, ViewerPort } from "../port/port.ts";
import type { RtpStream } from "../rtp/header.ts";
import {
  KEY_BYTES,
  type MasterKey,
  PROFILES,
  type Sealer,
  type SessionKeys,
  type SrtpProfile,
} from "../rtp/srtp.ts";
import { chooseFormat, type VideoFormat, withFormat } from "../sdp/formats.ts";
import {
  fingerprintsOf,
  isVideoOffer,
  keepBundled,
  mendAnswer,
  mendOffer,
  restartAnswer,
} from "../sdp/sdp.ts";
import { type MediaCounters, type MediaParameters, MediaSession } from "../session/media-session.ts";
import { CODECS, newConnection, PLAYOUT_DELAY_URI, TRANSPORT_COUNTER_URI } from "./connection.ts";
import { SctpGate } from "./sctp-gate.ts";
import { WeriftMedia } from "./slow-media.ts";

/** A viewer that has not connected by then has given up, or never could. */
const CONNECT_WITHIN: Millis = 10_000;

/** Some frames with the most telemetry that one may have. */
const MAX_REPORTS_BYTES = 64 * 1024;

/** Data channels that nobody here has a use for; each leaves some memory behind. */
const MAX_STRAY_CHANNELS = 8;

const MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID_URI = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const REPAIRED_RID_URI = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

/** Minimum and maximum of 0: show each frame as soon as it is decoded. */
const NO_PLAYOUT_DELAY = Buffer.from([0, 0, 0]);

export interface PeerOptions {
  readonly clock: Clock;
  readonly rounds: Rounds;
  readonly port: ViewerPort;
  /** What can be encoded, the preferred first. */
  readonly codecs: readonly Codec[];
  readonly sealerOf: (keys: SessionKeys) => Sealer;
  readonly counters: MediaCounters;
  readonly handshakes: HandshakeRefusals;
  /** Ask viewers for no playout delay. Only the latency bench turns it off. */
  readonly playoutDelay: boolean;
  readonly log: (line: string) => void;
}

// ---- The inner parts used, as they are in the pinned version ----

/** What werift takes for a UDP socket of its own. */
interface InnerTransport {
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

/** A sender's parts; `runRtcp` is replaced, as the media session sends the reports. */
export interface InnerSender {
  readonly ssrc: number;
  readonly rtxSsrc: number;
  readonly codec?: { readonly payloadType: number };
  readonly rtxPayloadType?: number;
  readonly mid?: string;
  readonly cname?: string;
  readonly headerExtensions: readonly { readonly id: number; readonly uri: string }[];
  runRtcp(): Promise<void>;
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

interface InnerIce {
  localUsername: string;
  readonly localPassword: string;
}

/** RFC 5764, section 4.1.2; RFC 7714, section 14.2. */
const SRTP_PROFILES: Readonly<Record<number, SrtpProfile>> = {
  1: "AES128_CM_HMAC_SHA1_80",
  7: "AEAD_AES_128_GCM",
};

/** The transport to hand to the peer connection that gathers its candidates now. */
const gathering = new AsyncLocalStorage<InnerTransport | "its own">();

/** werift sees its viewer at one address, wherever that is (RFC 5737). */
const VIEWER: readonly [string, number] = ["192.0.2.1", 9];
const OURS = "127.0.0.1";

/**
 * Puts our port in the place of its sockets. To be called before the first viewer.
 * @throws where werift is not the version this was written for.
 */
export function prepareWerift(): void {
  const stun = StunProtocol.prototype as unknown as Record<string, unknown>;
  const udp = UdpTransport as unknown as { init: (...options: unknown[]) => unknown };
  if (typeof stun.datagramReceived !== "function" || typeof udp.init !== "function") {
    throw new Error("werift is not the version that package.json pins: run `npm install`");
  }
  mustKnowDtls();
  const open = udp.init;
  udp.init = async (...options) => {
    const transport = gathering.getStore();
    if (transport === "its own") return open.apply(udp, options);
    if (!transport) throw new Error("werift opens a socket that nobody asked for");
    return transport;
  };
  // Made ahead, it does not delay the first viewer.
  void RTCDtlsTransport.SetupCertificate();
}

/** Lets the peer connections that gather their candidates in `act` open sockets of their own, as werift does by itself. */
export function withOwnSockets<T>(act: () => Promise<T>): Promise<T> {
  return gathering.run("its own", act);
}

/**
 * Answers a viewer's offer. The viewer is ready to be sent to at once, and drops frames until connected.
 * @throws {OfferError} for an offer that cannot be answered.
 */
export async function answerOffer(
  offer: string,
  options: PeerOptions,
  events: ViewerEvents,
): ReturnType<Answer> {
  mustBeVideoOffer(offer);
  const format = chooseFormat(offer, options.codecs);
  if (!format) {
    const names = options.codecs.map((codec) => CODECS[codec].name).join(" or ");
    throw new OfferError("no-common-codec", `This browser does not offer ${names} video.`);
  }
  const peer = new Peer(options, format, events);
  try {
    return { answer: await peer.answer(offer), viewer: peer };
  } catch (error) {
    peer.close("the offer could not be answered");
    throw new OfferError("bad-request", "The offer could not be read.", { cause: error });
  }
}

function mustBeVideoOffer(offer: string): void {
  if (!isVideoOffer(offer))
    throw new OfferError("bad-request", "The offer is not a session description with video.");
}

/** Its own have four digits: too few to tell all viewers of one port apart. */
function newFragment(): string {
  return randomBytes(8).toString("hex");
}

class Peer implements Recipient {
  readonly #options: PeerOptions;
  readonly #format: VideoFormat;
  readonly #events: ViewerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  readonly #registration: Registration;
  readonly #transport: InnerTransport;
  #route: Route | undefined;
  #media: MediaSession | WeriftMedia | undefined;
  #dtls: GuardedDtls | undefined;
  /** The route of the DTLS datagram that is taken now. */
  #heardBy = "";
  #reports: RTCDataChannel | undefined;
  #state: "connecting" | "connected" | "closed" = "connecting";
  /** What the viewer's first offer and our last answer say, for ICE restarts. */
  #fingerprints = "";
  #answer = "";

  constructor(options: PeerOptions, format: VideoFormat, events: ViewerEvents) {
    this.#options = options;
    this.#format = format;
    this.#events = events;
    this.#connection = newConnection(format.codec, options.playoutDelay, OURS);
    this.#transport = transportBy(() => this.#route);
    this.#registration = options.port.register({
      routed: (route) => {
        this.#route = route;
        if (route) this.#events.reached(route.protocol);
      },
      chosen: (check) => this.#transport.onData(check, VIEWER),
      dtls: (datagram, key) => {
        this.#heardBy = key;
        this.#dtls?.receive(datagram);
      },
      rtp: (datagram, key) => {
        if (this.#media?.receive(datagram)) this.#registration.heard(key);
      },
      silent: () => this.close("silent"),
    });
  }

  async answer(offer: string): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver("video", { direction: "sendonly" });
    const inner = sender as unknown as InnerSender;
    // Reports are sent by the media session, with a right clock.
    inner.runRtcp = async () => {};
    await connection.setRemoteDescription({ type: "offer", sdp: mendOffer(withFormat(offer, this.#format)) });
    const [dtls] = connection.dtlsTransports;
    if (!dtls) throw new Error("the offer has no transport");
    // As the DTLS server we let the browser choose AES-GCM, and save werift's 100 ms wait as a client.
    dtls.role = "server";
    this.#guardData(dtls);
    this.#dtls = guardDtls(dtls, {
      refused: (why) => {
        this.#options.handshakes.refused(why);
        this.close("unproven");
      },
      authentic: () => this.#registration.heard(this.#heardBy),
    });
    const ice = dtls.iceTransport.connection as unknown as InnerIce;
    ice.localUsername = newFragment();
    const answer = await connection.createAnswer();
    await gathering.run(this.#transport, () => connection.setLocalDescription(answer));

    this.#registration.accept(ice.localUsername, ice.localPassword);
    let strays = 0;
    connection.onDataChannel.subscribe((channel) => {
      if (channel.label === FRAMES_CHANNEL && !this.#reports) this.#reports = channel;
      else if (++strays > MAX_STRAY_CHANNELS) this.close("too many data channels");
      else channel.close();
    });
    this.#watchLife(dtls);
    this.#fingerprints = fingerprintsOf(offer);
    this.#answer = keepBundled(connection.localDescription?.sdp ?? "", offer);
    return mendAnswer(this.#answer, this.#options.port.candidates());
  }

  async restart(offer: string): Promise<string> {
    if (this.#state !== "connected")
      throw new OfferError("not-watching", "There is no connection to restart.");
    mustBeVideoOffer(offer);
    // Another certificate is another peer, which our DTLS session knows nothing of.
    if (fingerprintsOf(offer) !== this.#fingerprints)
      throw new OfferError("bad-request", "The offer has another DTLS fingerprint than the connection.");
    const credentials = { fragment: newFragment(), password: randomBytes(16).toString("hex") };
    this.#registration.accept(credentials.fragment, credentials.password);
    this.#answer = restartAnswer(this.#answer, credentials);
    return mendAnswer(this.#answer, this.#options.port.candidates());
  }

  get codec(): Codec {
    return this.#format.codec;
  }

  get takesReports(): boolean {
    return this.#reports?.readyState === "open";
  }

  report(json: string): void {
    // A viewer that takes none in misses some rather than pile them up.
    const channel = this.#reports;
    if (!channel || !this.takesReports || channel.bufferedAmount > MAX_REPORTS_BYTES) return;
    this.#attempt(() => channel.send(json));
  }

  send(frame: PacketizedFrame): void {
    this.#attempt(() => this.#media?.send(frame));
  }

  /** One that fails is the end of this viewer, and of no other. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.log(`A viewer cannot be sent to: ${reasonOf(error)}.`);
      this.close("failed");
    }
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const cancel of this.#cancel) cancel();
    const [dtls] = this.#connection.dtlsTransports;
    if (this.#media && dtls) sayGoodbye(innerDtls(dtls));
    this.#media?.close();
    this.#media = undefined;
    this.#registration.close();
    this.#connection.close().catch(() => {});
    this.#events.closed(reason);
  }

  /** Sets the gate before what the session will hand its data to. */
  #guardData(dtls: RTCDtlsTransport): void {
    const gate = new SctpGate();
    let receive = dtls.dataReceiver;
    Object.defineProperty(dtls, "dataReceiver", {
      get: () => (packet: Buffer) => {
        if (gate.pass(packet)) receive(packet);
        else this.#options.counters.refusedSctp++;
      },
      set: (receiver: typeof receive) => {
        receive = receiver;
      },
    });
  }

  #watchLife(dtls: RTCDtlsTransport): void {
    const { clock } = this.#options;
    dtls.onStateChange.subscribe((state) => {
      if (state === "connected") this.#connected(dtls);
      if (state === "closed" || state === "failed") this.close(`DTLS ${state}`);
    });
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state === "failed" || state === "closed") this.close(`connection ${state}`);
    });
    this.#cancel.push(
      clock.after(CONNECT_WITHIN, () => {
        if (this.#state === "connecting") this.close("did not connect");
      }),
    );
  }

  #connected(dtls: RTCDtlsTransport): void {
    if (this.#state !== "connecting") return;
    this.#state = "connected";
    this.#registration.handshakeDone();
    try {
      this.#media = this.#openMedia(dtls);
    } catch (error) {
      this.#options.log(`Media goes the slow way, by werift: ${reasonOf(error)}.`);
      this.#media = this.#openWeriftMedia();
    }
    this.#events.connected();
  }

  /** @throws where werift does not give what it takes. */
  #openMedia(dtls: RTCDtlsTransport): MediaSession {
    const { clock, rounds, counters, sealerOf, playoutDelay } = this.#options;
    const [sender] = this.#connection.getSenders();
    if (!sender) throw new Error("the session has no sender");
    return new MediaSession({
      clock,
      everySecond: (act) => rounds.everySecond(act),
      parameters: parametersOf(sender as unknown as InnerSender, playoutDelay),
      keys: keysOf(innerDtls(dtls)),
      sealerOf,
      counters,
      route: () => this.#route,
      keyframeNeeded: () => this.#events.keyframeNeeded(),
      received: (reception) => this.#events.received(reception),
      wants: (level) => this.#events.wants(level),
      left: () => this.close("left"),
    });
  }

  #openWeriftMedia(): WeriftMedia | undefined {
    const [sender] = this.#connection.getSenders();
    if (!sender) return undefined;
    const { extensions } = parametersOf(sender as unknown as InnerSender, this.#options.playoutDelay);
    const receive = (datagram: Buffer) => this.#transport.onData(datagram, VIEWER);
    return new WeriftMedia(sender, extensions, receive, () => this.#events.keyframeNeeded());
  }
}

/** The socket of one peer connection. Checks are answered by the endpoint, so that all that it has to send is DTLS. */
function transportBy(route: () => Route | undefined): InnerTransport {
  return {
    type: "udp",
    closed: false,
    address: { address: OURS, family: "IPv4", port: VIEWER[1] },
    addressFamily: 4,
    host: OURS,
    port: VIEWER[1],
    onData() {},
    async send(datagram) {
      if ((datagram[0] ?? 0) >= 20) route()?.send(datagram);
    },
    async close() {},
  };
}

/** @throws before the handshake has begun. */
export function innerDtls(transport: RTCDtlsTransport): InnerDtls {
  if (!transport.dtls) throw new Error("DTLS has not begun");
  return transport.dtls as unknown as InnerDtls;
}

/**
 * The keys that the handshake has agreed on (RFC 5764, section 4.2).
 * @throws where there are none, or werift does not give them.
 */
export function keysOf(dtls: InnerDtls): { local: MasterKey; remote: MasterKey } {
  const profile = SRTP_PROFILES[dtls.srtp.srtpProfile ?? 0];
  if (!profile) throw new Error("the viewer chose no protection profile");
  if (typeof dtls.extractSessionKeys !== "function") throw new Error("it keeps its keys to itself");
  const keys = dtls.extractSessionKeys(KEY_BYTES, PROFILES[profile].saltBytes);
  return {
    local: { profile, key: keys.localKey, salt: keys.localSalt },
    remote: { profile, key: keys.remoteKey, salt: keys.remoteSalt },
  };
}

/**
 * What the session descriptions agreed on, for one of the streams that have names (RFC 8852): the first has werift's SSRCs,
 * the others have some of their own.
 */
export function namedParametersOf(sender: InnerSender, rid: string, isFirst: boolean): MediaParameters {
  const { media, rtx, extensions, cname } = parametersOf(sender, false);
  const own = (stream: RtpStream): RtpStream =>
    isFirst ? stream : { ...stream, ssrc: randomInt(1, 2 ** 32) };
  const named = (uri: string) => [
    ...extensions,
    ...sender.headerExtensions
      .filter((offered) => offered.uri === uri)
      .map(({ id }) => ({ id, data: Buffer.from(rid) })),
  ];
  return {
    media: own(media),
    rtx: rtx && own(rtx),
    extensions: named(RID_URI),
    rtxExtensions: named(REPAIRED_RID_URI),
    cname,
  };
}

/** What the session descriptions agreed on, for the one stream that is sent. */
export function parametersOf(sender: InnerSender, playoutDelay: boolean): MediaParameters {
  const { ssrc, rtxSsrc, codec, rtxPayloadType, headerExtensions, mid = "", cname } = sender;
  const extension = (uri: string, data: Buffer | "counter") =>
    headerExtensions.filter((offered) => offered.uri === uri).map(({ id }) => ({ id, data }));
  return {
    media: { ssrc, payloadType: codec?.payloadType ?? 0 },
    rtx: rtxPayloadType === undefined ? undefined : { ssrc: rtxSsrc, payloadType: rtxPayloadType },
    extensions: [
      ...extension(MID_URI, Buffer.from(mid)),
      ...extension(TRANSPORT_COUNTER_URI, "counter"),
      ...(playoutDelay ? extension(PLAYOUT_DELAY_URI, NO_PLAYOUT_DELAY) : []),
    ],
    cname: cname ?? randomUUID(),
  };
}

const DTLS_ALERT = 21;
const WARNING = 1;
const CLOSE_NOTIFY = 0;

/** A close_notify (RFC 5246, section 7.2.1), which werift never sends: the viewer learns of the end at once. */
function sayGoodbye(dtls: InnerDtls): void {
  const { cipher } = dtls;
  const encrypt = cipher.encryptPacket?.bind(cipher);
  if (!encrypt) return;
  cipher.encryptPacket = (packet) => {
    packet.recordLayerHeader.contentType = DTLS_ALERT;
    return encrypt(packet);
  };
  // It encrypts before it first waits.
  dtls.send(Buffer.from([WARNING, CLOSE_NOTIFY])).catch(() => {});
  delete cipher.encryptPacket;
}
