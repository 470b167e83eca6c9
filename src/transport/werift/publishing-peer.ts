/**
 * A peer connection by which we publish at another server: we offer, it answers. Its media goes the way of a viewer's,
 * by a {@link MediaSession}, so that its packets are sent again and its reports are right.
 */

import type { RTCDtlsTransport, RTCPeerConnection } from "werift";
import type { Cancel, Clock, EpochMs, Millis } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import type { Codec, EncodedFrame } from "../../media/frame.ts";
import type { SimulcastStream } from "../../media/simulcast-streams.ts";
import type { HandshakeRefusals } from "../dtls/refusals.ts";
import { guardDtls } from "../dtls/session.ts";
import type { Route } from "../io/route.ts";
import { PacketHistory } from "../packets/history.ts";
import { Packetizer } from "../packets/packetizer.ts";
import { NodeSealer } from "../rtp/srtp.ts";
import { acceptedStreams, offerSimulcast, withoutSimulcast } from "../sdp/simulcast.ts";
import { type MediaParameters, MediaSession } from "../session/media-session.ts";
import { newPublishingConnection } from "./connection.ts";
import {
  gatherOnOwnSockets,
  type InnerIce,
  innerIce,
  innerSender,
  srtpKeysOf,
  stopReports,
} from "./internals.ts";
import { namedParametersOf, parametersOf } from "./parameters.ts";

/** ICE and DTLS take no longer, on any network that carries video. */
const CONNECT_WITHIN: Millis = 15_000;

/** A server reports each few seconds (RFC 3550, section 6.2); one silent for so long is gone. */
const SILENCE: Millis = 20_000;

/** What a publisher tells. None of these may throw. */
export interface PublishingPeerEvents {
  /** Frames can be sent. */
  connected(): void;
  /** The rendition of this level needs one. */
  keyframeNeeded(level: number): void;
  /** It is over, for this reason; nothing comes after. */
  closed(reason: string): void;
}

export interface PublishingPeerOptions {
  readonly codec: Codec;
  /** Whether the server is on this machine. */
  readonly local: boolean;
  /** To offer, the full one first; more than 1 by simulcast. */
  readonly renditions: number;
  readonly handshakes: HandshakeRefusals;
}

/** What is sent of one rendition. */
interface Outlet {
  readonly media: MediaSession;
  readonly packetizer: Packetizer;
  readonly history: PacketHistory;
}

export class PublishingPeer {
  readonly #clock: Clock;
  readonly #renditions: number;
  readonly #handshakes: HandshakeRefusals;
  readonly #events: PublishingPeerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  /** By their levels; none before it is connected. */
  readonly #outlets = new Map<number, Outlet>();
  #streams: readonly SimulcastStream[] = [];
  #heardAt: EpochMs;
  #state: "connecting" | "connected" | "closed" = "connecting";

  constructor(clock: Clock, options: PublishingPeerOptions, events: PublishingPeerEvents) {
    const { codec, local, renditions, handshakes } = options;
    this.#clock = clock;
    this.#handshakes = handshakes;
    this.#renditions = renditions;
    this.#events = events;
    this.#connection = newPublishingConnection(codec, local, renditions > 1);
    this.#heardAt = clock.now();
  }

  /** The offer, with all of its candidates. */
  async offer(): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver("video", { direction: "sendonly" });
    stopReports(sender);
    await gatherOnOwnSockets(async () => connection.setLocalDescription(await connection.createOffer()));
    const offer = connection.localDescription?.sdp ?? "";
    return this.#renditions > 1 ? offerSimulcast(offer, this.#renditions) : offer;
  }

  /**
   * Takes the answer, and begins to connect. Of simulcast, it must take some.
   * @throws what werift says of one that it cannot take.
   */
  async accept(answer: string): Promise<void> {
    if (this.#renditions > 1) this.#streams = acceptedStreams(answer, this.#renditions);
    const [dtls] = this.#connection.dtlsTransports;
    if (!dtls) throw new Error("the offer has no transport");
    guardDtls(dtls, {
      refused: (why) => {
        this.#handshakes.refused(why);
        this.close(`it ${why}`);
      },
      authentic: () => this.#heard(),
    });
    await this.#connection.setRemoteDescription({ type: "answer", sdp: withoutSimulcast(answer) });
    const ice = innerIce(dtls);
    ice.onData.subscribe((datagram) => {
      // RTP and RTCP, of which we are sent RTCP alone (RFC 7983, section 7).
      if ((datagram[0] ?? 0) >= 128 && this.#receive(datagram)) this.#heard();
    });
    const connected = () => {
      if (dtls.state === "connected") this.#connected(dtls, ice);
      if (dtls.state === "closed" || dtls.state === "failed") this.close(`DTLS ${dtls.state}`);
    };
    dtls.onStateChange.subscribe(connected);
    this.#connection.connectionStateChange.subscribe((state) => {
      if (state === "failed" || state === "closed") this.close(`connection ${state}`);
    });
    this.#cancel.push(
      this.#clock.after(CONNECT_WITHIN, () => {
        if (this.#state === "connecting") this.close("it did not connect");
      }),
      this.#clock.every(1000, () => {
        if (this.#state === "connected" && this.#clock.now() - this.#heardAt > SILENCE)
          this.close("nothing is heard of it");
      }),
    );
    connected();
  }

  /** Sends a frame once connected; drops it before. */
  send(frame: EncodedFrame): void {
    const outlet = this.#outlets.get(frame.level);
    if (!outlet) return;
    const { media, history, packetizer } = outlet;
    media.send(history.add(frame, packetizer.packetize(frame)));
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const cancel of this.#cancel) cancel();
    for (const { media } of this.#outlets.values()) media.close();
    this.#outlets.clear();
    this.#connection.close().catch(() => {});
    this.#events.closed(reason);
  }

  #connected(dtls: RTCDtlsTransport, ice: InnerIce): void {
    if (this.#state !== "connecting") return;
    this.#state = "connected";
    this.#heardAt = this.#clock.now();
    try {
      this.#openAll(dtls, ice);
    } catch (error) {
      this.close(reasonOf(error));
      return;
    }
    this.#events.connected();
  }

  #heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /**
   * Each takes what is about its own stream.
   * @returns whether it is the server's, and no copy.
   */
  #receive(sealed: Buffer): boolean {
    return [...this.#outlets.values()].map(({ media }) => media.receive(sealed)).includes(true);
  }

  #openAll(dtls: RTCDtlsTransport, ice: InnerIce): void {
    const sender = innerSender(this.#connection);
    const open = (level: number, parameters: MediaParameters) =>
      this.#outlets.set(level, {
        media: this.#openMedia(dtls, ice, level, parameters),
        packetizer: new Packetizer(),
        history: new PacketHistory(this.#clock),
      });
    if (this.#renditions === 1) open(0, parametersOf(sender, false));
    for (const [n, { rid, level }] of this.#streams.entries())
      open(level, namedParametersOf(sender, rid, n === 0));
  }

  #openMedia(
    dtls: RTCDtlsTransport,
    ice: InnerIce,
    level: number,
    parameters: MediaParameters,
  ): MediaSession {
    const route = routeBy(ice);
    return new MediaSession({
      clock: this.#clock,
      everySecond: (act) => this.#clock.every(1000, act),
      parameters,
      keys: srtpKeysOf(dtls),
      sealerOf: (keys) => new NodeSealer(keys),
      counters: { packets: 0, repairs: 0, refusedRtcp: 0, refusedSctp: 0 },
      route: () => route,
      keyframeNeeded: () => this.#events.keyframeNeeded(level),
      received: () => {},
      // Another server makes of its renditions what its viewers' networks carry.
      wants: undefined,
      left: () => this.close("it said goodbye"),
    });
  }
}

/** By the pair of addresses that werift has chosen. */
function routeBy(ice: InnerIce): Route {
  const send = (datagram: Buffer) => {
    // What does not go out is lost, as on the network.
    ice.send(datagram).catch(() => {});
  };
  return {
    address: { ip: "192.0.2.1", port: 9 },
    protocol: "udp",
    send,
    sendMedia: (sealer, header, payload, index) => send(sealer.seal(header, payload, index)),
  };
}
