/** One viewer's session: its peer connection, its route through the port, and its media session. */

import { randomBytes } from "node:crypto";
import type { RTCDataChannel, RTCDtlsTransport, RTCPeerConnection } from "werift";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Rounds } from "../../base/rounds.ts";
import type { Codec } from "../../media/frame.ts";
import { FRAMES_CHANNEL } from "../../shared/protocol.ts";
import type { Recipient } from "../audience/audience.ts";
import { OfferError, type ViewerEvents } from "../audience/viewer.ts";
import type { HandshakeRefusals } from "../dtls/refusals.ts";
import { type GuardedDtls, guardDtls } from "../dtls/session.ts";
import type { Route } from "../io/route.ts";
import type { PacketizedFrame } from "../packets/history.ts";
import type { Registration, ViewerPort } from "../port/port.ts";
import type { Sealer, SessionKeys } from "../rtp/srtp.ts";
import { type VideoFormat, withFormat } from "../sdp/formats.ts";
import {
  answerForBrowsers,
  fingerprintsOf,
  isVideoOffer,
  keepBundled,
  offerForWerift,
  restartAnswer,
} from "../sdp/sdp.ts";
import { type MediaCounters, MediaSession } from "../session/media-session.ts";
import { newConnection } from "./connection.ts";
import {
  deliver,
  filterData,
  gatherOn,
  type InnerSocket,
  innerSender,
  newFragment,
  PLACEHOLDER_HOST,
  renewFragment,
  sendCloseNotify,
  socketOn,
  srtpKeysOf,
  stopReports,
} from "./internals.ts";
import { parametersOf } from "./parameters.ts";
import { SctpGate } from "./sctp-gate.ts";
import { WeriftMedia } from "./slow-media.ts";

/** A viewer that has not connected by then has given up, or never could. */
const CONNECT_WITHIN: Millis = 10_000;

/** Some frames with the most telemetry that one may have. */
const MAX_REPORTS_BYTES = 64 * 1024;

/** Data channels that nobody here has a use for; each leaves some memory behind. */
const MAX_STRAY_CHANNELS = 8;

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

/** @throws {OfferError} if the text is not an offer to receive video. */
export function requireVideoOffer(offer: string): void {
  if (!isVideoOffer(offer))
    throw new OfferError("bad-request", "The offer is not a session description with video.");
}

/** A viewer that receives video over WebRTC. Frames before it is connected are dropped. */
export class Peer implements Recipient {
  readonly #options: PeerOptions;
  readonly #format: VideoFormat;
  readonly #events: ViewerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  readonly #registration: Registration;
  readonly #socket: InnerSocket;
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
    this.#connection = newConnection(format.codec, options.playoutDelay, PLACEHOLDER_HOST);
    this.#socket = socketOn(() => this.#route);
    this.#registration = options.port.register({
      routed: (route) => {
        this.#route = route;
        if (route) this.#events.reached(route.protocol);
      },
      nominated: (check) => deliver(this.#socket, check),
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
    stopReports(sender);
    await connection.setRemoteDescription({
      type: "offer",
      sdp: offerForWerift(withFormat(offer, this.#format)),
    });
    const [dtls] = connection.dtlsTransports;
    if (!dtls) throw new Error("the offer has no transport");
    // As the DTLS server we let the browser choose AES-GCM, and save werift's 100 ms wait as a client.
    dtls.role = "server";
    this.#filterData(dtls);
    this.#dtls = guardDtls(dtls, {
      refused: (why) => {
        this.#options.handshakes.refused(why);
        this.close("unproven");
      },
      authentic: () => this.#registration.heard(this.#heardBy),
    });
    const { fragment, password } = renewFragment(dtls);
    const answer = await connection.createAnswer();
    await gatherOn(this.#socket, () => connection.setLocalDescription(answer));

    this.#registration.accept(fragment, password);
    let strays = 0;
    connection.onDataChannel.subscribe((channel) => {
      if (channel.label === FRAMES_CHANNEL && !this.#reports) this.#reports = channel;
      else if (++strays > MAX_STRAY_CHANNELS) this.close("too many data channels");
      else channel.close();
    });
    this.#watchLife(dtls);
    this.#fingerprints = fingerprintsOf(offer);
    this.#answer = keepBundled(connection.localDescription?.sdp ?? "", offer);
    return answerForBrowsers(this.#answer, this.#options.port.candidates());
  }

  async restart(offer: string): Promise<string> {
    if (this.#state !== "connected")
      throw new OfferError("not-watching", "There is no connection to restart.");
    requireVideoOffer(offer);
    // Another certificate is another peer, which our DTLS session knows nothing of.
    if (fingerprintsOf(offer) !== this.#fingerprints)
      throw new OfferError("bad-request", "The offer has another DTLS fingerprint than the connection.");
    const credentials = { fragment: newFragment(), password: randomBytes(16).toString("hex") };
    this.#registration.accept(credentials.fragment, credentials.password);
    this.#answer = restartAnswer(this.#answer, credentials);
    return answerForBrowsers(this.#answer, this.#options.port.candidates());
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
    if (this.#media && dtls) sendCloseNotify(dtls);
    this.#media?.close();
    this.#media = undefined;
    this.#registration.close();
    this.#connection.close().catch(() => {});
    this.#events.closed(reason);
  }

  #filterData(dtls: RTCDtlsTransport): void {
    const gate = new SctpGate();
    filterData(dtls, (packet) => {
      const passes = gate.pass(packet);
      if (!passes) this.#options.counters.refusedSctp++;
      return passes;
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
    return new MediaSession({
      clock,
      everySecond: (act) => rounds.everySecond(act),
      parameters: parametersOf(innerSender(this.#connection), playoutDelay),
      keys: srtpKeysOf(dtls),
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
    const { extensions } = parametersOf(innerSender(this.#connection), this.#options.playoutDelay);
    const receive = (datagram: Buffer) => deliver(this.#socket, datagram);
    return new WeriftMedia(sender, extensions, receive, () => this.#events.keyframeNeeded());
  }
}
