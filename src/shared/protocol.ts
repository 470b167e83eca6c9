/**
 * What the server and the page say to each other over socket.io, typed once for both sides.
 * `docs/protocol.md` describes it for people. Times are milliseconds since the Unix epoch on the
 * server's clock, with a fraction; the page learns that clock's offset by `clock`.
 */

/** What the render loop behind a stream is doing. */
export type SourceState =
  /** No picture has come yet. `why`, where it is known: in a few words, such as `Blender is starting`. */
  | { readonly kind: "waiting"; readonly why?: string }
  /** Pictures come. `run` counts the loop's starts from 1: above 1 it has been restarted. */
  | { readonly kind: "live"; readonly since: number; readonly run: number }
  /** No picture for a while, from a loop that does not say whether it runs. */
  | { readonly kind: "stalled"; readonly since: number }
  /** No picture for a while, though the loop never said that it ended. */
  | { readonly kind: "crashed"; readonly since: number }
  /** The loop said that it ended. */
  | { readonly kind: "ended"; readonly since: number };

/** A stream as its viewers see it. */
export interface StreamInfo {
  readonly name: string;
  /** The source for people, such as `built-in scene`. */
  readonly source: string;
  readonly state: SourceState;
  /** Pixels of the newest picture; 0 before the first. */
  readonly width: number;
  readonly height: number;
  /** Pictures a second from the source, over the last seconds. */
  readonly fps: number;
  /** The pictures that come have been one and the same for two seconds; video shows them as two frames a second. */
  readonly still?: true;
  /** Everybody who watches, by WebRTC or MJPEG. */
  readonly viewers: number;
  /** Why no pictures come, or why those that come cannot be shown: a sentence for the user. */
  readonly problem?: string;
}

/** One of a stream's viewers, as who runs the server sees it. */
export interface ViewerInfo {
  /** Known by this while it watches. */
  readonly id: string;
  readonly transport: "webrtc" | "mjpeg";
  /** `relay`: by the server's own TURN server, whatever comes between. */
  readonly protocol: "udp" | "tcp" | "relay";
  /** Of its network: the last part is left out. */
  readonly address: string;
  /** When it came. */
  readonly since: number;
  readonly state: "joining" | "watching";
  /** Of a viewer by WebRTC that watches; the level of its rendition: 0 is the full one. */
  readonly codec?: "vp8" | "h264" | "h264-single" | "av1";
  readonly level?: number;
  /** As its page measures it: milliseconds from the renderer's complete picture to its screen, the median of two seconds. */
  readonly latency?: number;
  /** As it reports: of its packets, 0 to 1; and milliseconds to it and back. */
  readonly lost?: number;
  readonly roundTrip?: number | undefined;
}

/** The data of one frame, such as joint angles: whatever JSON its publisher gave it. */
export type Telemetry = Readonly<Record<string, unknown>>;

/** What belongs to one video frame besides its picture; found by its RTP timestamp. */
export interface FrameReport {
  readonly rtpTimestamp: number;
  /** The source's frame number. A number seen before is a still picture sent again. */
  readonly number: number;
  /** When it passed each stage of the server. */
  readonly captured: number;
  readonly received: number;
  readonly decoded: number;
  readonly encoded: number;
  readonly sent: number;
  /** Of the rendition that this viewer is sent: 0 is the full one. */
  readonly level?: number;
  readonly telemetry?: Telemetry;
}

/**
 * The data channel of the frame reports, which the viewer opens with its offer: one text a frame, a
 * {@link FrameReport} as JSON, sent right behind the frame's packets. It may come before or after the frame is
 * shown, or be lost.
 */
export const FRAMES_CHANNEL = "frames";

/** Why a request was refused. */
export type RefusalCode =
  /** No stream of that name. */
  | "no-such-stream"
  /** The viewer and the server have no video codec in common. */
  | "no-common-codec"
  /** It takes a token to watch the stream, and there was none, or not a good one. */
  | "token"
  /** As many viewers as the server takes. */
  | "full"
  /** Pages of its origin may not show the streams. */
  | "origin"
  /** There is no connection to restart. */
  | "not-watching"
  /** Not what this protocol says. */
  | "bad-request"
  /** The server's fault; its log says more. */
  | "failed";

/** An answer: the value, or why not, in a sentence for the user. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: RefusalCode; readonly message: string };

/** A STUN or TURN server, as `RTCConfiguration` has it. */
export interface IceServer {
  /** Of `stun:`, `turn:` or `turns:`. */
  readonly urls: string;
  /** What a TURN server takes, for an hour at least. */
  readonly username?: string;
  readonly credential?: string;
}

/** What a viewer's peer connection looks for ways to the server by. */
export interface IceConfiguration {
  readonly iceServers: readonly IceServer[];
  /** Where the viewer is to use TURN servers alone. */
  readonly iceTransportPolicy?: "relay";
}

/**
 * The SDP answer to an offer, with what the page is to gather its candidates by: it sets that before its local
 * description.
 */
export interface SessionAnswer extends Partial<IceConfiguration> {
  readonly answer: string;
  /** By which the server's log knows the viewer; not with the answer to a restart. */
  readonly viewer?: string;
}

export interface ClientToServerEvents {
  /** Hear of a stream: its description now, then a `stream` event at each change and each second. */
  follow(name: string, reply: (reply: Reply<StreamInfo>) => void): void;
  /** Watch by WebRTC: the SDP offer in, the SDP answer out. One peer connection a socket; a new one replaces the old. */
  watch(
    request: { readonly stream: string; readonly offer: string },
    reply: (reply: Reply<SessionAnswer>) => void,
  ): void;
  /**
   * Go on watching by another way: an SDP offer that restarts ICE in, the SDP answer out. For the peer connection
   * that this socket has; one at a time, and one a second.
   */
  restart(request: { readonly offer: string }, reply: (reply: Reply<SessionAnswer>) => void): void;
  /** The picture stands still though packets come: send a keyframe. Twice a second at most. */
  keyframe(): void;
  /** How old the picture on the screen is there, in milliseconds, for whoever runs the server; each few seconds. */
  latency(milliseconds: number): void;
  /** Stop watching by WebRTC; the socket goes on following. */
  leave(): void;
  /** The server's time now, to learn the offset between the clocks. */
  clock(reply: (now: number) => void): void;
}

export interface ServerToClientEvents {
  stream(info: StreamInfo): void;
  /** The server has ended the peer connection that the socket has; the reason is for logs. */
  ended(reason: string): void;
  /** The server was told to stop, and goes away next. */
  stopping(): void;
}

/** The longest SDP offer taken, in characters; Chromium's with all codecs is near 7,000. */
export const MAX_OFFER_LENGTH = 64 * 1024;

/** The multipart boundary of the MJPEG streams. */
export const MJPEG_BOUNDARY = "rendercast-frame";
