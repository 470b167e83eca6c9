/**
 * `shared` holds the formats that the server and the page both use. The page imports no other room of the server.
 *
 * This file has the types of the socket.io protocol between server and page; `docs/protocol.md` describes it. Times are milliseconds
 * since the Unix epoch on the server's clock, with a fraction. The page measures the offset of that clock with `clock`.
 */
import type { ControlInfo, Lease, LeaseEnd, Move, Operating } from "./control.ts";

/** The state of a stream's source. */
export type SourceState =
  /** No picture has arrived yet. `why` gives the reason in a few words, if known, such as `Blender is starting`. */
  | { readonly kind: "waiting"; readonly why?: string }
  /** Pictures arrive. `run` counts the starts of the render loop from 1; more means that it restarted. */
  | { readonly kind: "live"; readonly since: number; readonly run: number }
  /** No picture for a while, and the source does not report whether it runs. */
  | { readonly kind: "stalled"; readonly since: number }
  /** No picture for a while, and the source never reported its end. */
  | { readonly kind: "crashed"; readonly since: number }
  /** The source reported its end. */
  | { readonly kind: "ended"; readonly since: number };

/** The description of a stream for its viewers. */
export interface StreamInfo {
  readonly name: string;
  /** A label of the source for people, such as `built-in scene`. */
  readonly source: string;
  readonly state: SourceState;
  /** The size of the newest picture in pixels; 0 before the first. */
  readonly width: number;
  readonly height: number;
  /** Pictures per second from the source, over the last seconds. */
  readonly fps: number;
  /** All pictures of the last two seconds are identical; video then carries two frames per second. */
  readonly still?: true;
  /** The number of viewers, WebRTC and MJPEG together. */
  readonly viewers: number;
  /** How viewers can control the stream, and which of them does; absent if none can. */
  readonly control?: ControlInfo;
  /** Why no pictures arrive, or why they cannot be shown, in a sentence for the user. */
  readonly problem?: string;
}

/** A viewer of a stream, for the operator of the server. */
export interface ViewerInfo {
  /** Identifies the viewer while it watches. */
  readonly id: string;
  readonly transport: "webrtc" | "mjpeg";
  /** `relay`: through a TURN server that the server allocates on. */
  readonly protocol: "udp" | "tcp" | "relay";
  /** The IP address without its last part. */
  readonly address: string;
  /** When the viewer joined. */
  readonly since: number;
  readonly state: "joining" | "watching";
  /** Only while it watches by WebRTC. `level` is the rendition; 0 is the full one. */
  readonly codec?: "vp8" | "h264" | "h264-single" | "av1";
  readonly level?: number;
  /** Milliseconds from the complete picture in the renderer to the screen: the median of two seconds, as the page measures it. */
  readonly latency?: number;
  /** The fraction of lost packets (0 to 1), and the round-trip time in milliseconds, from its reports. */
  readonly lost?: number;
  readonly roundTrip?: number | undefined;
}

/** The data of a frame, such as joint angles: any JSON object that the publisher sends. */
export type Telemetry = Readonly<Record<string, unknown>>;

/** Metadata of a video frame. The page matches it to the frame by the RTP timestamp. */
export interface FrameReport {
  readonly rtpTimestamp: number;
  /** The frame number of the source. A repeated number is a still picture that was sent again. */
  readonly number: number;
  /** When the frame passed each stage of the server. */
  readonly captured: number;
  readonly received: number;
  readonly decoded: number;
  readonly encoded: number;
  readonly sent: number;
  /** The rendition that this viewer gets; 0 is the full one. */
  readonly level?: number;
  readonly telemetry?: Telemetry;
}

/**
 * The label of the data channel for frame reports. The viewer creates it before its offer. The server sends one
 * {@link FrameReport} per frame as JSON, right after the packets of the frame. A report can arrive before or after the
 * frame is shown, or get lost.
 */
export const FRAMES_CHANNEL = "frames";

/** Why a request was refused. */
export type RefusalCode =
  /** There is no stream of that name. */
  | "no-such-stream"
  /** The viewer and the server have no video codec in common. */
  | "no-common-codec"
  /** The stream requires a token, and the token is missing or invalid. */
  | "token"
  /** The server or the stream has reached its viewer limit. */
  | "full"
  /** The origin of the page may not show the streams. */
  | "origin"
  /** There is no connection to restart. */
  | "not-watching"
  /** No viewer can control the stream. */
  | "no-control"
  /** Another viewer controls the stream, and a second one waits. */
  | "busy"
  /** The request violates this protocol. */
  | "bad-request"
  /** The server failed; its log has the reason. */
  | "failed";

/** The answer to a request: a value, or a refusal with a sentence for the user. */
export type Reply<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly code: RefusalCode; readonly message: string };

/** A STUN or TURN server, as in `RTCConfiguration`. */
export interface IceServer {
  /** One URL: `stun:`, `turn:` or `turns:`. */
  readonly urls: string;
  /** Credentials of a TURN server, valid for at least an hour. */
  readonly username?: string;
  readonly credential?: string;
}

/** The ICE settings of a viewer's peer connection. */
export interface IceConfiguration {
  readonly iceServers: readonly IceServer[];
  /** Set if the viewer must connect through TURN servers only. */
  readonly iceTransportPolicy?: "relay";
}

/** The SDP answer to an offer, with ICE settings that the page applies before its local description. */
export interface SessionAnswer extends Partial<IceConfiguration> {
  readonly answer: string;
  /** The id of the viewer in the server's log. Absent in the answer to a restart. */
  readonly viewer?: string;
}

/** Events that the page sends. */
export interface ClientToServerEvents {
  /** Follow a stream: the reply is its description, and `stream` events follow at each change and every second. */
  follow(name: string, reply: (reply: Reply<StreamInfo>) => void): void;
  /** Watch by WebRTC: SDP offer in, SDP answer out. A socket has one peer connection; a new one replaces it. */
  watch(
    request: { readonly stream: string; readonly offer: string },
    reply: (reply: Reply<SessionAnswer>) => void,
  ): void;
  /** Restart ICE on the peer connection of this socket, at most once a second: SDP offer in, SDP answer out. */
  restart(request: { readonly offer: string }, reply: (reply: Reply<SessionAnswer>) => void): void;
  /** Request a keyframe: packets arrive, but the picture is frozen. At most twice a second. */
  keyframe(): void;
  /** Report the latency of the picture on screen in milliseconds, every few seconds, for the operator. */
  latency(milliseconds: number): void;
  /** Stop watching by WebRTC. The socket still follows the stream. */
  leave(): void;
  /** Ask to control a stream, at most twice a second. A socket controls one stream. */
  operate(stream: string, reply: (reply: Reply<Operating>) => void): void;
  /** Move the camera. Needs the lease; the newest message wins. */
  control(move: Move): void;
  /** End the lease, or the wait for it. A viewer that waits gets the lease. */
  release(): void;
  /** Get the current time of the server, to measure the offset between the clocks. */
  clock(reply: (now: number) => void): void;
}

/** Events that the server sends. */
export interface ServerToClientEvents {
  /** The description of the followed stream. */
  stream(info: StreamInfo): void;
  /** The server closed the peer connection of this socket. The reason is for logs. */
  ended(reason: string): void;
  /** This socket now has the lease that it waited for. */
  lease(lease: Lease): void;
  /** The lease of this socket, or its wait, has ended. */
  leaseEnded(why: LeaseEnd): void;
  /** The server is shutting down. */
  stopping(): void;
}

/** The longest accepted SDP offer in characters. Chromium's offer with all codecs has about 7,000. */
export const MAX_OFFER_LENGTH = 64 * 1024;

/** The multipart boundary of MJPEG streams. */
export const MJPEG_BOUNDARY = "rendercast-frame";

/** Content type of timed MJPEG. WebKit lets no script read a body of type multipart/x-mixed-replace. */
export const TIMED_MJPEG_TYPE = "application/octet-stream";
