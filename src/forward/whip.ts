/**
 * Forwards a stream to another server by WHIP (RFC 9725), such as an SFU. It shares the encoders of this server's viewers,
 * and publishes again whenever it ends, with exponential back-off.
 */

import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log, LogLevel } from "../base/log.ts";
import type { Feed, Forwarded } from "../broadcast/feed.ts";
import type { ForwardState } from "../broadcast/operation-metrics.ts";
import type { Codec, EncodedFrame } from "../media/frame.ts";
import type { SimulcastStream } from "../media/simulcast-streams.ts";
import { isLoopback } from "../network/ip.ts";
import { MAX_OFFER_LENGTH } from "../shared/protocol.ts";
import type { HandshakeRefusals } from "../transport/dtls/refusals.ts";
import { acceptedStreams } from "../transport/sdp/simulcast.ts";
import { PublishingPeer } from "../transport/werift/publishing-peer.ts";

/** What is forwarded, and where. */
export interface WhipForwardOptions {
  readonly clock: Clock;
  readonly stream: Forwarded;
  /** Offered one at a time, the preferred first, as an endpoint may refuse one. */
  readonly codecs: readonly Codec[];
  readonly url: string;
  /** Sent as a bearer token, if there is one. */
  readonly token: string | undefined;
  /** How many renditions to offer by simulcast; 1 offers no simulcast. */
  readonly renditions: number;
  readonly handshakes: HandshakeRefusals;
  readonly log: Log;
  readonly fetch?: typeof fetch;
  readonly newPeer?: (...options: ConstructorParameters<typeof PublishingPeer>) => WhipPeer;
}

/** The part of {@link PublishingPeer} that is used here. */
export type WhipPeer = Pick<PublishingPeer, "offer" | "accept" | "send" | "close">;

/** The first wait before another attempt, and the longest. */
const MIN_BACK_OFF: Millis = 1000;
const MAX_BACK_OFF: Millis = 30_000;

/** After a session of this length the back-off starts again. */
const STABLE_SESSION: Millis = 10_000;

const ANSWER_TIMEOUT: Millis = 10_000;
const GOODBYE_TIMEOUT: Millis = 1000;

/** HTTP status of an endpoint that does not support the codec. */
const CODEC_REFUSED = [406, 415, 422];

/** HTTP status of an endpoint that does not understand simulcast. */
const SIMULCAST_REFUSED = [400, ...CODEC_REFUSED];

/** An attempt failed; the message ends the sentence "Forwarding ... does not work:". */
class WhipError extends Error {
  /** The least wait before another attempt. */
  readonly retryAfter: Millis;
  /** Whether another codec may work. */
  readonly otherCodec: boolean;
  /** Whether one rendition may work. */
  readonly noSimulcast: boolean;

  constructor(message: string, { retryAfter = 0, otherCodec = false, noSimulcast = false } = {}) {
    super(message);
    this.noSimulcast = noSimulcast;
    this.retryAfter = retryAfter;
    this.otherCodec = otherCodec;
  }
}

/** One forward by WHIP. */
export class WhipForward {
  readonly #options: WhipForwardOptions;
  /** Host and port for the log: the path may be a secret. */
  readonly #where: string;
  readonly #running: Promise<void>;
  readonly #stopping = new AbortController();
  #closed = false;
  #wake: (() => void) | undefined;
  #publisher: WhipPeer | undefined;
  #codec = 0;
  #renditions: number;
  #lastLogged: string | undefined;
  #isUp = false;

  /** Starts to publish at once. */
  constructor(options: WhipForwardOptions) {
    this.#options = options;
    this.#where = new URL(options.url).host;
    this.#renditions = options.renditions;
    this.#running = this.#run();
  }

  /** As `/metrics` shows it. */
  get state(): ForwardState {
    return { kind: "whip", target: this.#where, isUp: this.#isUp };
  }

  /** Ends it; waits a moment for the endpoint's answer. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopping.abort();
    this.#publisher?.close("the server stops");
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    for (let wait = MIN_BACK_OFF; !this.#closed; ) {
      const began = clock.now();
      let least = 0;
      try {
        const why = await this.#publish();
        if (!this.#closed) this.#log(`has ended: ${why}`, "warn");
      } catch (error) {
        if (error instanceof WhipError) {
          if (error.noSimulcast) {
            this.#renditions = 1;
            continue;
          }
          least = error.retryAfter;
          if (error.otherCodec) this.#codec = (this.#codec + 1) % this.#options.codecs.length;
        }
        if (!this.#closed) this.#log(`does not work: ${reasonOf(error)}`, "warn");
      }
      if (this.#closed) return;
      if (clock.now() - began > STABLE_SESSION) wait = MIN_BACK_OFF;
      await this.#sleep(Math.max(wait, least));
      wait = Math.min(2 * wait, MAX_BACK_OFF);
    }
  }

  /**
   * Publishes one session, until it ends.
   * @returns why it ended.
   * @throws {WhipError} or another error if it cannot start.
   */
  async #publish(): Promise<string> {
    const { clock, stream, codecs, handshakes } = this.#options;
    const { newPeer = (...all) => new PublishingPeer(...all) } = this.#options;
    const codec = codecs[this.#codec] ?? "vp8";
    let feed: Feed | undefined;
    let end: (reason: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    const renditions = this.#renditions;
    let streams: readonly SimulcastStream[] = [];
    const { hostname } = new URL(this.#options.url);
    const local = hostname === "localhost" || isLoopback(hostname.replace(/[[\]]/g, ""));
    const publisher = newPeer(
      clock,
      { codec, local, renditions, handshakes },
      {
        connected: () => {
          this.#isUp = true;
          const count = streams.length > 1 ? `, in ${streams.length} renditions` : "";
          this.#log(`is published, as ${codec.toUpperCase()}${count}`);
          const levels = renditions > 1 ? streams.map(({ level }) => level) : [0];
          feed = stream.forward(codec, levels, (frame: EncodedFrame) => publisher.send(frame));
        },
        keyframeNeeded: (level) => feed?.requestKeyframe(level),
        wants: (level) => feed?.move(level),
        closed: (reason) => {
          this.#isUp = false;
          feed?.stop();
          end(reason);
        },
      },
    );
    this.#publisher = publisher;
    let session: string | undefined;
    try {
      const offer = await publisher.offer();
      const answered = await this.#offer(offer, renditions > 1);
      session = answered.session;
      if (/^m=video 0 /m.test(answered.answer))
        throw new WhipError(`it takes no ${codec.toUpperCase()}`, { otherCodec: true });
      if (this.#closed) return "the server stops";
      streams = acceptedStreams(answered.answer, renditions);
      if (renditions > 1 && streams.length === 0)
        throw new WhipError("it takes no simulcast", { noSimulcast: true });
      await publisher.accept(answered.answer);
      return await ended;
    } finally {
      this.#publisher = undefined;
      publisher.close("it did not begin");
      if (session !== undefined) await this.#leave(session);
    }
  }

  /** Posts the offer. @throws {WhipError} if the endpoint refuses it. */
  async #offer(
    sdp: string,
    isSimulcast: boolean,
  ): Promise<{ readonly answer: string; readonly session: string | undefined }> {
    const { url } = this.#options;
    const headers = { "Content-Type": "application/sdp", Accept: "application/sdp" };
    const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_TIMEOUT), this.#stopping.signal]);
    const response = await this.#ask(url, { method: "POST", headers, body: sdp, signal });
    if (response.status !== 201) {
      await response.body?.cancel();
      throw new WhipError(`it answers with the status ${response.status}`, {
        retryAfter: retryAfterOf(response),
        otherCodec: CODEC_REFUSED.includes(response.status),
        noSimulcast: isSimulcast && SIMULCAST_REFUSED.includes(response.status),
      });
    }
    const location = response.headers.get("location");
    const base = response.url || url;
    const named = location !== null && URL.canParse(location, base) ? new URL(location, base) : undefined;
    // The token must not go to another server than the configured one.
    const session = named?.origin === new URL(url).origin ? named.href : undefined;
    return { answer: await readAnswer(response), session };
  }

  /** Deletes the session; the endpoint's own timeout must do it if this fails. */
  async #leave(session: string): Promise<void> {
    const request = { method: "DELETE", signal: AbortSignal.timeout(GOODBYE_TIMEOUT) };
    const response = await this.#ask(session, request).catch(() => undefined);
    await response?.body?.cancel().catch(() => {});
  }

  /** @throws {WhipError} if the endpoint cannot be reached. */
  async #ask(
    url: string,
    request: { method: string; headers?: Record<string, string>; body?: string; signal: AbortSignal },
  ): Promise<Response> {
    const { token, fetch: ask = fetch } = this.#options;
    const given = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    try {
      const headers = { ...request.headers, ...given };
      return await ask(url, { ...request, headers });
    } catch (error) {
      const { cause } = error as Error;
      throw new WhipError(`it cannot be reached (${cause instanceof Error ? cause.message : error})`);
    }
  }

  /** Logs a line, but not twice in a row, as attempts repeat. */
  #log(what: string, level: LogLevel = "info"): void {
    if (what === this.#lastLogged) return;
    this.#lastLogged = what;
    this.#options.log(`Forwarding ${this.#options.stream.name} to ${this.#where} ${what}.`, { level });
  }

  #sleep(length: Millis): Promise<void> {
    return new Promise((resolve) => {
      const cancel: Cancel = this.#options.clock.after(length, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Reads `Retry-After` in seconds (RFC 9110, section 10.2.3), at most {@link MAX_BACK_OFF}; ignores a date. */
function retryAfterOf(response: Response): Millis {
  const text = response.headers.get("retry-after") ?? "";
  const seconds = Number(text);
  return text !== "" && seconds >= 0 ? Math.min(seconds * 1000, MAX_BACK_OFF) : 0;
}

/** @throws {WhipError} if the answer is longer than any real one. */
async function readAnswer(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_OFFER_LENGTH) throw new WhipError("its answer is too long");
  }
  return text;
}
