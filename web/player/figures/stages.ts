/** The latency breakdown: splits the latency of one frame into the stages that it passes. */
import type { ServerTimes, Shown } from "./frame.ts";
import { RollingWindow } from "./rolling-window.ts";

/** The stages, in the order in which a frame passes them. */
export const STAGES = [
  /** From the renderer's complete picture to the server. */
  "render",
  /** The server decodes the picture. */
  "decode",
  /** The server encodes the video. */
  "encode",
  /** The server hands over the packets. */
  "send",
  /** MJPEG only, in place of `encode` and `send`: all that the server does until the picture is sent. */
  "server",
  /** Across the network; includes `screen` if the browser does not report when a frame arrived. */
  "network",
  /** The browser waits for late packets. */
  "buffer",
  /** The browser decodes. */
  "browser",
  /** The browser waits for its screen. */
  "screen",
] as const;

/** One of {@link STAGES}. */
export type StageKey = (typeof STAGES)[number];

/** A stage in words: a short name, and one sentence. */
export interface StageText {
  readonly name: string;
  readonly explanation: string;
}

/** The same texts on the page and in the lab. */
export const STAGE_TEXTS: Readonly<Record<StageKey, StageText>> = {
  render: {
    name: "Render to server",
    explanation: "From the renderer's complete picture until the server has it.",
  },
  decode: { name: "Server decode", explanation: "The server decodes a picture that arrived as JPEG or PNG." },
  encode: {
    name: "Server encode",
    explanation: "The server encodes the picture as video, once for all viewers.",
  },
  send: { name: "Server send", explanation: "The server hands the packets of the video to its network." },
  server: {
    name: "Server",
    explanation: "All that the server does until it sends the picture: it decodes it and encodes it as JPEG.",
  },
  network: { name: "Network", explanation: "From the server to this browser." },
  buffer: {
    name: "Jitter buffer",
    explanation: "The browser waits for packets that arrive late or out of order.",
  },
  browser: { name: "Browser decode", explanation: "The browser decodes the picture." },
  screen: { name: "Screen", explanation: "The decoded picture waits for the screen's next refresh." },
};

/** The stage's name. If the browser does not report when a frame arrived, `network` contains the wait for the screen. */
export function stageName(key: StageKey, all: readonly { readonly key: string }[]): string {
  const isWithScreen = key === "network" && !all.some((stage) => stage.key === "screen");
  return isWithScreen ? "Network and screen" : STAGE_TEXTS[key].name;
}

/** The time of one stage, in milliseconds. */
export interface Stage {
  readonly key: StageKey;
  readonly time: number;
}

/** Means of `getStats` in milliseconds per frame, for times that the browser does not report for each frame. */
export interface BrowserMeans {
  readonly buffer?: number | undefined;
  readonly decode?: number | undefined;
}

/**
 * The stages of one frame.
 * @param offset what to add to the page's clock to get the server's, in milliseconds.
 */
export function stagesOf(times: ServerTimes, shown: Shown, offset: number, means: BrowserMeans): Stage[] {
  const stages: Stage[] = [];
  // The offset has an error: a short stage can come out negative.
  const add = (key: StageKey, time: number) => stages.push({ key, time: Math.max(0, time) });

  add("render", times.received - times.captured);
  if (times.decoded !== undefined) add("decode", times.decoded - times.received);
  const pixelsAt = times.decoded ?? times.received;
  if (times.encoded === undefined) {
    add("server", times.sent - pixelsAt);
  } else {
    add("encode", times.encoded - pixelsAt);
    add("send", times.sent - times.encoded);
  }

  const arrivedAt = shown.receivedAt === undefined ? undefined : shown.receivedAt + offset;
  if (arrivedAt !== undefined) add("network", arrivedAt - times.sent);
  let rest = Math.max(0, shown.shownAt + offset - (arrivedAt ?? times.sent));
  const take = (time: number) => {
    const taken = Math.min(rest, Math.max(0, time));
    rest -= taken;
    return taken;
  };
  const decode = shown.decodeTime ?? means.decode;
  const decodeTaken = decode === undefined ? undefined : take(decode);
  const bufferTaken = means.buffer === undefined ? undefined : take(means.buffer);
  if (arrivedAt === undefined) add("network", rest);
  if (bufferTaken !== undefined) add("buffer", bufferTaken);
  if (decodeTaken !== undefined) add("browser", decodeTaken);
  if (arrivedAt !== undefined) add("screen", rest);
  return stages;
}

const MEDIAN_PERIOD_MS = 2000;

/** Keeps the median of each stage over the last two seconds. */
export class StageMedians {
  readonly #windows = new Map<StageKey, RollingWindow>();

  /** Takes the stages of a frame that was shown at `at`. */
  add(at: number, stages: readonly Stage[]): void {
    for (const { key, time } of stages) {
      const window = this.#windows.get(key) ?? new RollingWindow(MEDIAN_PERIOD_MS);
      this.#windows.set(key, window);
      window.add(at, time);
    }
  }

  /** In the order of {@link STAGES}, without stages that no recent frame has passed. */
  medians(now: number): Stage[] {
    return STAGES.flatMap((key) => {
      const time = this.#windows.get(key)?.median(now);
      return time === undefined ? [] : [{ key, time }];
    });
  }

  clear(): void {
    this.#windows.clear();
  }
}
