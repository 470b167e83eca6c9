/**
 * A peer connection by which we publish at another server: we offer, it answers. Its media goes the way of a viewer's,
 * by a {@link MediaSession}, so that its packets are sent again and its reports are right.
 */
import type { RTCDtlsTransport, RTCPeerConnection } from "werift";
import type { Codec, EncodedFrame } from "../frame.ts";
import type { Cancel, Clock, EpochMs, Millis } from "../timing.ts";
import { newPublishingConnection } from "./connection.ts";
import { PacketHistory } from "./history.ts";
import { MediaSession } from "./media.ts";
import { Packetizer } from "./packetizer.ts";
import type { Route } from "./route.ts";
import { NodeSealer } from "./srtp.ts";
import { type InnerSender, innerDtls, keysOf, parametersOf, withOwnSockets } from "./werift.ts";

/** ICE and DTLS take no longer, on any network that carries video. */
const CONNECT_WITHIN: Millis = 15_000;

/** A server reports each few seconds (RFC 3550, section 6.2); one silent for so long is gone. */
const SILENCE: Millis = 20_000;

/** What a publisher tells. None of these may throw. */
export interface PublisherEvents {
  /** Frames can be sent. */
  connected(): void;
  keyframeNeeded(): void;
  /** It is over, for this reason; nothing comes after. */
  closed(reason: string): void;
}

/** The ICE connection, as it is in the pinned version. */
interface InnerIce {
  send(datagram: Buffer): Promise<void>;
  readonly onData: { subscribe(listener: (datagram: Buffer) => void): unknown };
}

export class Publisher {
  readonly #clock: Clock;
  readonly #events: PublisherEvents;
  readonly #connection: RTCPeerConnection;
  readonly #packetizer = new Packetizer();
  readonly #history: PacketHistory;
  readonly #cancel: Cancel[] = [];
  #media: MediaSession | undefined;
  #heardAt: EpochMs;
  #state: "connecting" | "connected" | "closed" = "connecting";

  /** @param local whether the server is on this machine. */
  constructor(clock: Clock, codec: Codec, local: boolean, events: PublisherEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#connection = newPublishingConnection(codec, local);
    this.#history = new PacketHistory(clock);
    this.#heardAt = clock.now();
  }

  /** The offer, with all of its candidates. */
  async offer(): Promise<string> {
    const connection = this.#connection;
    const { sender } = connection.addTransceiver("video", { direction: "sendonly" });
    // Reports are sent by the media session, with a right clock.
    (sender as unknown as InnerSender).runRtcp = async () => {};
    await withOwnSockets(async () => connection.setLocalDescription(await connection.createOffer()));
    return connection.localDescription?.sdp ?? "";
  }

  /**
   * Takes the answer, and begins to connect.
   * @throws what werift says of one that it cannot take.
   */
  async accept(answer: string): Promise<void> {
    await this.#connection.setRemoteDescription({ type: "answer", sdp: answer });
    const [dtls] = this.#connection.dtlsTransports;
    if (!dtls) throw new Error("the answer has no transport");
    const ice = dtls.iceTransport.connection as unknown as InnerIce;
    ice.onData.subscribe((datagram) => {
      this.#heardAt = this.#clock.now();
      // RTP and RTCP, of which we are sent RTCP alone (RFC 7983, section 7).
      if ((datagram[0] ?? 0) >= 128) this.#media?.receive(datagram);
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
    if (!this.#media) return;
    this.#media.send(this.#history.add(frame, this.#packetizer.packetize(frame)));
  }

  close(reason: string): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    for (const cancel of this.#cancel) cancel();
    this.#media?.close();
    this.#media = undefined;
    this.#connection.close().catch(() => {});
    this.#events.closed(reason);
  }

  #connected(dtls: RTCDtlsTransport, ice: InnerIce): void {
    if (this.#state !== "connecting") return;
    this.#state = "connected";
    this.#heardAt = this.#clock.now();
    try {
      this.#media = this.#openMedia(dtls, ice);
    } catch (error) {
      this.close(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#events.connected();
  }

  #openMedia(dtls: RTCDtlsTransport, ice: InnerIce): MediaSession {
    const [sender] = this.#connection.getSenders();
    if (!sender) throw new Error("the session has no sender");
    const route = routeBy(ice);
    return new MediaSession({
      clock: this.#clock,
      everySecond: (act) => this.#clock.every(1000, act),
      parameters: parametersOf(sender as unknown as InnerSender, false),
      keys: keysOf(innerDtls(dtls)),
      sealerOf: (keys) => new NodeSealer(keys),
      counters: { packets: 0, repairs: 0, refusedRtcp: 0, refusedSctp: 0 },
      route: () => route,
      keyframeNeeded: () => this.#events.keyframeNeeded(),
      received: () => {},
      // Another server makes of the full rendition what its viewers' networks carry.
      wants: () => {},
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
