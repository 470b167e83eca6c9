/** The types of the package: `import { startRendercast } from "rendercast"`. `docs/api.md` describes them. */
import type { SourceState, StreamInfo, Telemetry, ViewerInfo } from "../shared/protocol.ts";

/** Pixels with 8 bits per channel, without padding. */
export interface Pixels {
  /** `rgb`, `rgba` and `bgra` are packed sRGB; `i420` and `nv12` are planar YUV 4:2:0, BT.601 limited range. */
  readonly format: "rgb" | "rgba" | "bgra" | "i420" | "nv12";
  /** In pixels, at most 16383. */
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
  /** The order of the rows. Default: `top-down`. */
  readonly rows?: "top-down" | "bottom-up";
}

/** One picture: the bytes of an image file (JPEG, PNG, WebP, TIFF, GIF or AVIF), or pixels. */
export type Frame = Uint8Array | Pixels;

/** What a program can say about a frame besides its data. */
export interface FrameDetails {
  /** When the picture was complete, in milliseconds since 1970, for the measured latency. Default: now. */
  readonly captured?: number;
  /** A whole number from 1. Default: one more than the frame before. */
  readonly number?: number;
}

/** The events of a {@link Stream}, with the arguments of their listeners. */
export interface StreamEvents {
  /** The state changed: `waiting`, `live`, `stalled`, `crashed` or `ended`. */
  state: [state: SourceState];
  /** A viewer began to watch, by WebRTC or MJPEG. */
  "viewer-joined": [viewer: ViewerInfo];
  /** A viewer left. */
  "viewer-left": [viewer: ViewerInfo];
}

/** A stream that this program publishes to and observes. */
export interface Stream {
  readonly name: string;
  /**
   * Shows a picture. Copies the bytes, does not wait, and drops pictures that nobody could see in time.
   * @param data travels with the picture to every viewer: an object of at most 16 KiB as JSON.
   * @throws {PushError} if the frame is refused; the stream continues with the next one.
   */
  push(frame: Frame, data?: Telemetry, details?: FrameDetails): void;
  /** Tells viewers that the render loop ended. The next {@link push} starts it again. */
  end(): void;
  /** The state, size, frame rate and number of viewers. */
  info(): StreamInfo;
  /** The viewers, the earliest first: at most 200. Addresses lack their last part. */
  viewers(): ViewerInfo[];
  /** Calls the listener at each event. */
  on<Name extends keyof StreamEvents>(event: Name, listener: (...args: StreamEvents[Name]) => void): this;
  /** Stops what {@link on} started. */
  off<Name extends keyof StreamEvents>(event: Name, listener: (...args: StreamEvents[Name]) => void): this;
}

/** A running server. */
export interface Rendercast {
  /** The page's address on this machine, such as `http://localhost:8080/`. */
  readonly url: string;
  /** The TCP port of the page. */
  readonly port: number;
  /** The first stream, which the option `name` names. It shows a built-in scene until the first push. */
  readonly stream: Stream;
  /**
   * Opens another stream, or the one of this name. A stream that ended is forgotten after a minute without viewers.
   * @throws {PushError} if the name cannot be published.
   */
  openStream(name: string): Promise<Stream>;
  /**
   * Makes a link for viewers of the first stream, valid for a day; undefined if they need none.
   * @param origin that the link begins with. Default: that of {@link url}.
   */
  link(origin?: string): Promise<string | undefined>;
  /** Stops everything: viewers, streams, servers. */
  close(): Promise<void>;
}

/** Takes a log line for people, with fields for programs. */
export type LogLine = (
  line: string,
  fields: {
    readonly level: "debug" | "info" | "warn" | "error";
    readonly [field: string]: string | number | undefined;
  },
) => void;
