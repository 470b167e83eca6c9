/**
 * A peer connection that publishes at another server: we offer, the server answers. A {@link MediaSession} sends its media, as
 * to a viewer, with retransmissions and correct reports.
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

/** How long ICE and DTLS may take. */
const CONNECT_TIMEOUT: Millis = 15_000;

/** A server silent for this long is gone: it sends RTCP reports every few seconds (RFC 3550, section 6.2). */
const SERVER_TIMEOUT: Millis = 20_000;

/** The events of a publishing peer. None of these may throw. */
export interface PublishingPeerEvents {
  /** From now on frames are sent. */
  connected(): void;
  /** The server asks for a keyframe of the rendition at this level. */
  keyframeNeeded(level: number): void;
  /** The network to the server carries the rendition at this level, in place of the only one that is sent. */
  wants(level: number): void;
  /** The connection ended; the last event. */
  closed(reason: string): void;
}

/** What to publish. */
export interface PublishingPeerOptions {
  readonly codec: Codec;
  /** Whether the server is on this machine. */
  readonly local: boolean;
  /** How many renditions to offer, the full one first; simulcast if more than 1. */
  readonly renditions: number;
  readonly handshakes: HandshakeRefusals;
}

/** The way of one rendition to the server. */
interface Outlet {
  readonly media: MediaSession;
  /** By level: one rendition after another may take this way. */
  readonly packets: Map<number, { readonly packetizer: Packetizer; readonly history: PacketHistory }>;
}

/** Offers at once, and sends frames once connected. */
export class PublishingPeer {
  readonly #clock: Clock;
  readonly #renditions: number;
  readonly #handshakes: HandshakeRefusals;
  readonly #events: PublishingPeerEvents;
  readonly #connection: RTCPeerConnection;
  readonly #cancel: Cancel[] = [];
  /** By level, or at 0 the only one; empty before the connection. */
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

  /** Makes the offer, with all candidates. */
  async offer(): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver("video", { direction: "sendonly" });
    stopReports(sender);
    await gatherOnOwnSockets(async () => connection.setLocalDescription(await connection.createOffer()));
    const offer = connection.localDescription?.sdp ?? "";
    return this.#renditions > 1 ? offerSimulcast(offer, this.#renditions) : offer;
  }

  /**
   * Takes the answer, and begins to connect.
   * @throws if werift cannot read the answer.
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
      // RTP or RTCP (RFC 7983, section 7); the server sends only RTCP.
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
      this.#clock.after(CONNECT_TIMEOUT, () => {
        if (this.#state === "connecting") this.close("it did not connect in time");
      }),
      this.#clock.every(1000, () => {
        if (this.#state === "connected" && this.#clock.now() - this.#heardAt > SERVER_TIMEOUT)
          this.close("it stopped responding");
      }),
    );
    connected();
  }

  /** Sends a frame once connected; drops it before. */
  send(frame: EncodedFrame): void {
    const outlet = this.#outlets.get(this.#renditions === 1 ? 0 : frame.level);
    if (!outlet) return;
    const { media, packets } = outlet;
    const { history, packetizer } = packets.get(frame.level) ?? {
      packetizer: new Packetizer(),
      history: new PacketHistory(this.#clock),
    };
    packets.set(frame.level, { history, packetizer });
    media.send(history.add(frame, packetizer.packetize(frame)));
  }

  /** Closes the connection; later calls do nothing. */
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
   * Gives an RTCP packet to every session; each reads the reports about its own stream.
   * @returns whether the packet is authentic and no replay.
   */
  #receive(sealed: Buffer): boolean {
    return [...this.#outlets.values()].map(({ media }) => media.receive(sealed)).includes(true);
  }

  #openAll(dtls: RTCDtlsTransport, ice: InnerIce): void {
    const sender = innerSender(this.#connection);
    const open = (level: number, parameters: MediaParameters) =>
      this.#outlets.set(level, {
        media: this.#openMedia(dtls, ice, level, parameters),
        packets: new Map(),
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
    // A simulcast's streams have no feedback that shows the network's capacity.
    const isOnly = this.#renditions === 1;
    let wanted = level;
    return new MediaSession({
      clock: this.#clock,
      everySecond: (act) => this.#clock.every(1000, act),
      parameters,
      keys: srtpKeysOf(dtls),
      sealerOf: (keys) => new NodeSealer(keys),
      counters: { packets: 0, repairs: 0, parity: 0, refusedRtcp: 0, refusedSctp: 0 },
      route: () => route,
      keyframeNeeded: () => this.#events.keyframeNeeded(wanted),
      received: () => {},
      wants: isOnly
        ? (chosen) => {
            wanted = chosen;
            this.#events.wants(chosen);
          }
        : undefined,
      left: () => this.close("it closed the connection"),
    });
  }
}

/** Sends on the candidate pair that werift nominated. */
function routeBy(ice: InnerIce): Route {
  const send = (datagram: Buffer) => {
    // A datagram that fails to leave is lost, as on the network.
    ice.send(datagram).catch(() => {});
  };
  return {
    address: { ip: "192.0.2.1", port: 9 },
    protocol: "udp",
    send,
    sendMedia: (sealer, header, payload, index) => send(sealer.seal(header, payload, index)),
  };
}
