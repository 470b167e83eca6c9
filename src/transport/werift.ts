/**
 * A viewer over werift: SDP, ICE, DTLS and SRTP. The only file that touches werift's inner parts, which
 * may change with any version: package.json pins it, and {@link checkSeams} looks at start.
 */
import {
  GenericNack,
  type RTCDataChannel,
  RTCDtlsTransport,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RTCRtpHeaderExtensionParameters,
  type RtcpPacket,
  RtcpPacketConverter,
  RtcpTransportLayerFeedback,
  RtpHeader,
  RtpPacket,
  StunProtocol,
  useSdesMid,
} from "werift";
import { FRAMES_CHANNEL } from "../signaling/protocol.ts";
import type { Cancel, Clock, EpochMs, Millis } from "../timing.ts";
import { PacketGuard } from "./guard.ts";
import type { MediaPacket } from "./packetizer.ts";
import { RepairBudget, readableRtcp } from "./rtcp.ts";
import { isVideoOffer, mendAnswer, mendOffer, offersCodec } from "./sdp.ts";
import { OfferError, type Viewer, type ViewerEvents } from "./viewer.ts";

/** A viewer that has not connected by then has given up, or never could. */
const CONNECT_WITHIN: Millis = 10_000;

/** Browsers report each second; one that was silent this long is gone. */
const SILENCE: Millis = 10_000;

/** Some frames with the most telemetry that one may have. */
const MAX_REPORTS_BYTES = 64 * 1024;

const PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/** Minimum and maximum of 0: show each frame as soon as it is decoded. */
const NO_PLAYOUT_DELAY = Buffer.from([0, 0, 0]);

export interface PeerOptions {
  readonly clock: Clock;
  /** The one address to offer and bind; undefined for every address of this machine. */
  readonly address: string | undefined;
  /** Ask viewers for no playout delay. Only the latency bench turns it off. */
  readonly playoutDelay: boolean;
}

export interface Answered {
  readonly answer: string;
  readonly viewer: Viewer;
}

// ---- The inner parts used, as they are in the pinned version ----

interface InnerSender {
  handleRtcpPacket(packet: RtcpPacket): void;
  readonly headerExtensions: readonly { readonly id: number; readonly uri: string }[];
}

interface InnerIce {
  readonly protocols: readonly StunProtocol[];
  readonly userHistory: Readonly<Record<string, string | undefined>>;
}

type Receive = (this: StunProtocol, data: Buffer, address: readonly [string, number]) => void;

/** The guard of each packet input; an input without one hears nothing. */
const guards = new WeakMap<StunProtocol, PacketGuard>();

/**
 * Puts the guards in place. To be called once, before the first viewer.
 * @throws where werift is not the version this was written for.
 */
export function prepareWerift(): void {
  checkSeams();
  const inner = StunProtocol.prototype as unknown as { datagramReceived: Receive };
  const receive = inner.datagramReceived;
  inner.datagramReceived = function (data, address) {
    if (guards.get(this)?.admits(data, `${address[0]} ${address[1]}`)) receive.call(this, data, address);
  };

  const parse = RtcpPacketConverter.deSerialize;
  RtcpPacketConverter.deSerialize = (compound) => readableRtcp(compound).flatMap((packet) => parse(packet));

  // Made ahead, it does not delay the first viewer.
  void RTCDtlsTransport.SetupCertificate();
}

function checkSeams(): void {
  const prototype = StunProtocol.prototype as unknown as Record<string, unknown>;
  if (
    typeof prototype.datagramReceived !== "function" ||
    typeof RtcpPacketConverter.deSerialize !== "function"
  ) {
    throw new Error("werift is not the version that package.json pins: run `npm install`");
  }
}

/**
 * Answers a viewer's offer. The viewer is ready to be sent to at once, and drops packets until connected.
 * @throws {OfferError} for an offer that cannot be answered.
 */
export async function answerOffer(
  offer: string,
  options: PeerOptions,
  events: ViewerEvents,
): Promise<Answered> {
  if (!isVideoOffer(offer))
    throw new OfferError("bad-request", "The offer is not a session description with video.");
  if (!offersCodec(offer, "vp8"))
    throw new OfferError("no-common-codec", "This browser does not offer VP8 video.");
  const peer = new Peer(options, events);
  try {
    return { answer: await peer.answer(offer), viewer: peer };
  } catch (error) {
    peer.close("the offer could not be answered");
    throw new OfferError("bad-request", "The offer could not be read.", { cause: error });
  }
}

class Peer implements Viewer {
  readonly #options: PeerOptions;
  readonly #events: ViewerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  #guard: PacketGuard | undefined;
  #playoutDelayId: number | undefined;
  #reports: RTCDataChannel | undefined;
  #lastHeard: EpochMs;
  #state: "connecting" | "connected" | "closed" = "connecting";

  constructor(options: PeerOptions, events: ViewerEvents) {
    this.#options = options;
    this.#events = events;
    this.#lastHeard = options.clock.now();
    this.#connection = newConnection(options);
  }

  async answer(offer: string): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver("video", { direction: "sendonly" });
    await connection.setRemoteDescription({ type: "offer", sdp: mendOffer(offer) });
    // As the DTLS server we let the browser choose AES-GCM, and save werift's 100 ms wait as a client.
    for (const dtls of connection.dtlsTransports) dtls.role = "server";
    await connection.setLocalDescription(await connection.createAnswer());

    for (const transport of connection.dtlsTransports) this.#guardInput(transport);
    connection.onDataChannel.subscribe((channel) => {
      if (channel.label === FRAMES_CHANNEL && !this.#reports) this.#reports = channel;
      else channel.close();
    });
    sender.onPictureLossIndication.subscribe(() => this.#events.keyframeNeeded());
    const inner = sender as unknown as InnerSender;
    this.#boundRepairs(inner);
    this.#playoutDelayId = inner.headerExtensions.find(({ uri }) => uri === PLAYOUT_DELAY_URI)?.id;
    this.#watchLife();
    return mendAnswer(connection.localDescription?.sdp ?? "", this.#options.address);
  }

  report(json: string): void {
    const channel = this.#reports;
    // A viewer that takes none in misses some rather than pile them up.
    if (channel?.readyState !== "open" || channel.bufferedAmount > MAX_REPORTS_BYTES) return;
    channel.send(json);
  }

  send(packets: readonly MediaPacket[]): void {
    if (this.#state !== "connected") return;
    const [sender] = this.#connection.getSenders();
    if (!sender) return;
    const id = this.#playoutDelayId;
    for (const { payload, ...fields } of packets) {
      const header = new RtpHeader({ ...fields, extension: true });
      header.extensions = id === undefined ? [] : [{ id, payload: NO_PLAYOUT_DELAY }];
      // It fails only where the transport closes under it, which #watchLife hears of.
      sender.sendRtp(new RtpPacket(header, payload)).catch(() => {});
    }
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const cancel of this.#cancel) cancel();
    this.#connection.close().catch(() => {});
    this.#events.closed(reason);
  }

  #guardInput(transport: RTCDtlsTransport): void {
    const ice = transport.iceTransport.connection as unknown as InnerIce;
    const guard = new PacketGuard((fragment) => ice.userHistory[fragment]);
    this.#guard = guard;
    for (const protocol of ice.protocols) {
      guards.set(protocol, guard);
      // Without a listener an error of the socket, such as an unreachable host, would end the process.
      const { transport: udp } = protocol;
      if (udp && "socket" in udp) udp.socket.on("error", () => {});
    }
  }

  /** werift would send again whatever a NACK names, however often. */
  #boundRepairs(sender: InnerSender): void {
    const budget = new RepairBudget(this.#options.clock);
    const handle = sender.handleRtcpPacket.bind(sender);
    sender.handleRtcpPacket = (packet) => {
      const nack = packet instanceof RtcpTransportLayerFeedback ? packet.feedback : undefined;
      if (nack instanceof GenericNack) nack.lost = budget.allow(nack.lost);
      handle(packet);
    };
  }

  #watchLife(): void {
    const { clock } = this.#options;
    const [dtls] = this.#connection.dtlsTransports;
    dtls?.onStateChange.subscribe((state) => {
      if (state === "connected") this.#connected();
      if (state === "closed" || state === "failed") this.close(`DTLS ${state}`);
    });
    dtls?.onRtcp.subscribe(() => {
      this.#lastHeard = clock.now();
    });
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state === "failed" || state === "closed") this.close(`connection ${state}`);
    });
    this.#cancel.push(
      clock.after(CONNECT_WITHIN, () => {
        if (this.#state === "connecting") this.close("did not connect");
      }),
      clock.every(1000, () => {
        if (this.#state === "connected" && clock.now() - this.#lastHeard > SILENCE) this.close("silent");
      }),
    );
  }

  #connected(): void {
    if (this.#state !== "connecting") return;
    this.#state = "connected";
    this.#lastHeard = this.#options.clock.now();
    this.#guard?.handshakeDone();
    this.#events.connected();
  }
}

function newConnection({ address, playoutDelay }: PeerOptions): RTCPeerConnection {
  const extensions = [useSdesMid()];
  if (playoutDelay) extensions.push(new RTCRtpHeaderExtensionParameters({ uri: PLAYOUT_DELAY_URI }));
  return new RTCPeerConnection({
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: "video/VP8",
          clockRate: 90_000,
          rtcpFeedback: [{ type: "nack" }, { type: "nack", parameter: "pli" }],
        }),
        new RTCRtpCodecParameters({ mimeType: "video/rtx", clockRate: 90_000 }),
      ],
    },
    headerExtensions: { video: extensions },
    bundlePolicy: "max-bundle",
    // Lite (RFC 8445, section 2.5): we answer checks and send none. It also asks no STUN server.
    iceLite: true,
    ...(address === undefined ? {} : bindTo(address)),
  });
}

function bindTo(address: string) {
  const v6 = address.includes(":");
  return {
    iceUseIpv4: !v6,
    iceUseIpv6: v6,
    iceInterfaceAddresses: v6 ? { udp6: address } : { udp4: address },
    iceAdditionalHostAddresses: [address],
  };
}
