/** One viewer's session: its peer connection, its route through the port, and its media session. */

import { randomBytes, randomInt } from "node:crypto";
import type { RTCDataChannel, RTCDtlsTransport, RTCPeerConnection } from "werift";
import type { Cancel, Clock, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Rounds } from "../../base/rounds.ts";
import type { Codec } from "../../media/frame.ts";
import { FRAMES_CHANNEL } from "../../shared/protocol.ts";
import type { Recipient } from "../audience/audience.ts";
import { OfferError, type ViewerEvents } from "../audience/viewer.ts";
import type { HandshakeRefusals } from "../dtls/refusals.ts";
import { type GuardedDtls, guardDtls } from "../dtls/session.ts";
import type { Route } from "../io/route.ts";
import type { PacketizedFrame } from "../packets/history.ts";
import { FULL_DATAGRAM } from "../packets/packetizer.ts";
import type { Registration, ViewerPort } from "../port/port.ts";
import type { RtpStream } from "../rtp/header.ts";
import type { Sealer, SessionKeys } from "../rtp/srtp.ts";
import { withFlexFec } from "../sdp/flexfec.ts";
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

/** How long a viewer may take to connect: ICE and DTLS. */
const CONNECT_TIMEOUT: Millis = 10_000;

/** Bytes of frame reports that may be queued: a few frames with the largest telemetry. */
const MAX_QUEUED_BYTES = 64 * 1024;

/** Data channels with unknown labels: each costs some memory even when closed. */
const MAX_STRAY_CHANNELS = 8;

/** What every viewer's session of a thread shares. */
export interface PeerOptions {
  readonly clock: Clock;
  readonly rounds: Rounds;
  readonly port: ViewerPort;
  /** In order of preference. */
  readonly codecs: readonly Codec[];
  readonly sealerOf: (keys: SessionKeys) => Sealer;
  readonly counters: MediaCounters;
  readonly handshakes: HandshakeRefusals;
  /** Whether to ask viewers for no playout delay. Only the latency bench turns it off. */
  readonly playoutDelay: boolean;
  readonly log: Log;
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
  /** The stream of parity packets; undefined if the viewer takes none. */
  readonly #fec: RtpStream | undefined;
  readonly #events: ViewerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  readonly #registration: Registration;
  readonly #socket: InnerSocket;
  #route: Route | undefined;
  #media: MediaSession | WeriftMedia | undefined;
  #dtls: GuardedDtls | undefined;
  /** The route key of the DTLS datagram being read. */
  #dtlsRoute = "";
  #reports: RTCDataChannel | undefined;
  #state: "connecting" | "connected" | "closed" = "connecting";
  /** Of the first offer: an ICE restart must come from the same peer. */
  #fingerprints = "";
  /** The last answer, before the port's candidates are added. */
  #answer = "";

  constructor(options: PeerOptions, format: VideoFormat, events: ViewerEvents) {
    this.#options = options;
    this.#format = format;
    const { fec } = format;
    this.#fec = fec === undefined ? undefined : { ssrc: randomInt(1, 2 ** 32), payloadType: fec };
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
        this.#dtlsRoute = key;
        this.#dtls?.receive(datagram);
      },
      rtp: (datagram, key) => {
        if (this.#media?.receive(datagram)) this.#registration.heard(key);
      },
      silent: () => this.close("silent"),
    });
  }

  /**
   * Answers the first offer. The answer has the port's candidates.
   * @throws if werift cannot read the offer.
   */
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
    // As the DTLS server we let the browser choose AES-GCM, and avoid the 100 ms that werift waits as a client.
    dtls.role = "server";
    this.#filterData(dtls);
    this.#dtls = guardDtls(dtls, {
      refused: (why) => {
        this.#options.handshakes.refused(why);
        this.close("unproven");
      },
      authentic: () => this.#registration.heard(this.#dtlsRoute),
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
    this.#watchState(dtls);
    this.#fingerprints = fingerprintsOf(offer);
    this.#answer = keepBundled(connection.localDescription?.sdp ?? "", offer);
    if (this.#fec) this.#answer = withFlexFec(this.#answer, innerSender(connection).ssrc, this.#fec);
    return answerForBrowsers(this.#answer, this.#options.port.candidates());
  }

  async restart(offer: string): Promise<string> {
    if (this.#state !== "connected")
      throw new OfferError("not-watching", "There is no connection to restart.");
    requireVideoOffer(offer);
    // A new certificate would need a new DTLS session.
    if (fingerprintsOf(offer) !== this.#fingerprints)
      throw new OfferError("bad-request", "The offer has a different DTLS fingerprint than the connection.");
    const credentials = { fragment: newFragment(), password: randomBytes(16).toString("hex") };
    this.#registration.accept(credentials.fragment, credentials.password);
    this.#answer = restartAnswer(this.#answer, credentials);
    return answerForBrowsers(this.#answer, this.#options.port.candidates());
  }

  get codec(): Codec {
    return this.#format.codec;
  }

  get isNarrow(): boolean {
    return (this.#route?.maxDatagram?.() ?? FULL_DATAGRAM) < FULL_DATAGRAM;
  }

  get takesReports(): boolean {
    return this.#reports?.readyState === "open";
  }

  report(json: string): void {
    // A slow viewer misses reports instead of queueing them.
    const channel = this.#reports;
    if (!channel || !this.takesReports || channel.bufferedAmount > MAX_QUEUED_BYTES) return;
    this.#attempt(() => channel.send(json));
  }

  send(frame: PacketizedFrame): void {
    this.#attempt(() => this.#media?.send(frame));
  }

  /** An error ends this viewer only. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.log(`Sending to a viewer failed: ${reasonOf(error)}.`, { level: "error" });
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

  #watchState(dtls: RTCDtlsTransport): void {
    const { clock } = this.#options;
    dtls.onStateChange.subscribe((state) => {
      if (state === "connected") this.#connected(dtls);
      if (state === "closed" || state === "failed") this.close(`DTLS ${state}`);
    });
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state === "failed" || state === "closed") this.close(`connection ${state}`);
    });
    this.#cancel.push(
      clock.after(CONNECT_TIMEOUT, () => {
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
      this.#options.log(`werift sends this viewer's video, which is slower: ${reasonOf(error)}.`, {
        level: "warn",
      });
      this.#media = this.#openWeriftMedia();
    }
    this.#events.connected();
  }

  /** @throws if werift does not export the SRTP keys. */
  #openMedia(dtls: RTCDtlsTransport): MediaSession {
    const { clock, rounds, counters, sealerOf, playoutDelay } = this.#options;
    return new MediaSession({
      clock,
      everySecond: (act) => rounds.everySecond(act),
      parameters: { ...parametersOf(innerSender(this.#connection), playoutDelay), fec: this.#fec },
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
