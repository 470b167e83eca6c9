/** Plain types: the figures of one player, and what they are made of. A figure that is not known is undefined. */
import type { Stage } from "./stages.ts";

/** How the pictures reach the browser. */
export type Transport = "webrtc" | "mjpeg";

/** The route of the packets: the kind of the local address, and the protocol that carries them from here. */
export interface LinkPath {
  /** `host`: an address of this device; `srflx` and `prflx`: one that a NAT assigned; `relay`: one of a TURN server. */
  readonly candidate: "host" | "srflx" | "prflx" | "relay";
  /** Undefined for a relay in browsers that do not report it. */
  readonly protocol: "udp" | "tcp" | "tls" | undefined;
  /** The server's address, such as `192.0.2.1:8081`; undefined if the browser does not report it. */
  readonly server: string | undefined;
}

/** One WebRTC connection since it was made. */
export interface LinkStats {
  readonly path: LinkPath | undefined;
  /** Round-trip time to the server, in milliseconds. */
  readonly roundTrip: number | undefined;
  /** Variation in packet arrival time, in milliseconds. */
  readonly jitter: number | undefined;
  /** Video packets that never arrived. */
  readonly packetsLost: number | undefined;
  /** Retransmitted packets that arrived. */
  readonly retransmitted: number | undefined;
  readonly keyframeRequests: number | undefined;
  readonly framesDropped: number | undefined;
  /** How often the picture stood still for much longer than usual. */
  readonly freezes: number | undefined;
  /** Such as `libvpx`. */
  readonly decoder: string | undefined;
  /** Whether the decoder is hardware, or saves battery in another way. */
  readonly powerEfficient: boolean | undefined;
}

/** The format of the pictures that arrive. */
export interface Format {
  /** Such as `VP8`. */
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** WebRTC only. */
  readonly link?: LinkStats;
}

/** Age of the picture on the screen, from the renderer's complete pixels to this screen, in milliseconds. */
export interface Latency {
  /** Median of the last two seconds. */
  readonly median: number;
  /** 95th percentile of the last ten seconds. */
  readonly p95: number;
  /** The newest frame. */
  readonly now: number;
}

/** The figures of what is on the screen. */
export interface PlayerStats {
  /** Undefined before the first picture. */
  readonly transport: Transport | undefined;
  readonly codec: string | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  /** Frames decoded per second. */
  readonly fps: number | undefined;
  /** Whether the scene stands still: the server then sends only a few frames per second by WebRTC. */
  readonly still: boolean;
  /** Received bits per second. */
  readonly bitrate: number | undefined;
  readonly latency: Latency | undefined;
  /** False if this browser does not report which frame it shows: then `latency` stays undefined. */
  readonly measurable: boolean;
  /** Error bound of the latency in milliseconds: half the shortest round trip to the server's clock. */
  readonly uncertainty: number | undefined;
  /** Latency breakdown: medians of the last two seconds. */
  readonly stages: readonly Stage[];
  /** Level of the viewer's rendition: 0 is the full one, higher levels take fewer bits. WebRTC only. */
  readonly level: number | undefined;
  /** Share of the video packets that never arrived, 0 to 1. */
  readonly loss: number | undefined;
  /** Mean time of a frame in the jitter buffer, in milliseconds. */
  readonly jitterBuffer: number | undefined;
  /** Mean decoding time of a frame, in milliseconds. */
  readonly decodeTime: number | undefined;
  /** WebRTC only. */
  readonly link: LinkStats | undefined;
}
