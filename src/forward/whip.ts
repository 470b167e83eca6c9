/**
 * A stream published at another server by WHIP (RFC 9725), such as an SFU with an audience of its own: encoded once, as
 * for the viewers here. Begins again whenever it ends, with longer and longer waits while that fails.
 */

import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Feed, Forwarded } from "../broadcast/feed.ts";
import type { Codec, EncodedFrame } from "../media/frame.ts";
import type { SimulcastStream } from "../media/simulcast-streams.ts";
import { isLoopback } from "../network/ip.ts";
import { MAX_OFFER_LENGTH } from "../shared/protocol.ts";
import type { HandshakeRefusals } from "../transport/dtls/refusals.ts";
import { acceptedStreams } from "../transport/sdp/simulcast.ts";
import { PublishingPeer } from "../transport/werift/publishing-peer.ts";

export interface WhipForwardOptions {
  readonly clock: Clock;
  readonly stream: Forwarded;
  /** To offer, the preferred first: one at a time, as an endpoint may refuse one. */
  readonly codecs: readonly Codec[];
  readonly url: string;
  /** Given as a bearer token; undefined gives none. */
  readonly token: string | undefined;
  /** To offer by simulcast; 1 sends the full one alone, as to endpoints that take no simulcast. */
  readonly renditions: number;
  readonly handshakes: HandshakeRefusals;
  readonly log: (line: string) => void;
  readonly fetch?: typeof fetch;
  readonly newPeer?: (...options: ConstructorParameters<typeof PublishingPeer>) => WhipPeer;
}

/** As much of a {@link PublishingPeer} as is used here. */
export type WhipPeer = Pick<PublishingPeer, "offer" | "accept" | "send" | "close">;

/** The first wait, and the longest. */
const RETRY_AFTER: Millis = 1000;
const MAX_RETRY_AFTER: Millis = 30_000;

/** What was connected for so long has worked: the next wait is the first again. */
const WORKED_AFTER: Millis = 10_000;

const ANSWER_WITHIN: Millis = 10_000;
const GOODBYE_WITHIN: Millis = 1000;

/** What an endpoint answers an offer of a codec with that it does not take: 406, 415 or 422. */
const OTHER_CODEC = [406, 415, 422];

/** And an offer of simulcast that it does not understand. */
const NO_SIMULCAST = [400, ...OTHER_CODEC];

/** It did not work; the message is the end of a sentence. */
class WhipError extends Error {
  readonly retryAfter: Millis;
  readonly otherCodec: boolean;
  /** It may work with one rendition. */
  readonly noSimulcast: boolean;

  constructor(message: string, { retryAfter = 0, otherCodec = false, noSimulcast = false } = {}) {
    super(message);
    this.noSimulcast = noSimulcast;
    this.retryAfter = retryAfter;
    this.otherCodec = otherCodec;
  }
}

export class WhipForward {
  readonly #options: WhipForwardOptions;
  /** Without its path, which may be a secret. */
  readonly #where: string;
  readonly #running: Promise<void>;
  readonly #stopping = new AbortController();
  #closed = false;
  #wake: (() => void) | undefined;
  #publisher: WhipPeer | undefined;
  #codec = 0;
  #renditions: number;
  #said: string | undefined;

  /** Begins at once. */
  constructor(options: WhipForwardOptions) {
    this.#options = options;
    this.#where = new URL(options.url).host;
    this.#renditions = options.renditions;
    this.#running = this.#run();
  }

  /** Says goodbye, as far as that is heard. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopping.abort();
    this.#publisher?.close("the server stops");
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    for (let wait = RETRY_AFTER; !this.#closed; ) {
      const began = clock.now();
      let least = 0;
      try {
        const why = await this.#publish();
        if (!this.#closed) this.#say(`has ended: ${why}`);
      } catch (error) {
        if (error instanceof WhipError) {
          if (error.noSimulcast) {
            this.#renditions = 1;
            continue;
          }
          least = error.retryAfter;
          if (error.otherCodec) this.#codec = (this.#codec + 1) % this.#options.codecs.length;
        }
        if (!this.#closed) this.#say(`does not work: ${reasonOf(error)}`);
      }
      if (this.#closed) return;
      if (clock.now() - began > WORKED_AFTER) wait = RETRY_AFTER;
      await this.#sleep(Math.max(wait, least));
      wait = Math.min(2 * wait, MAX_RETRY_AFTER);
    }
  }

  /**
   * Publishes until that ends.
   * @returns why it ended.
   * @throws {WhipError} or whatever else keeps it from beginning.
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
          const count = streams.length > 1 ? `, in ${streams.length} renditions` : "";
          this.#say(`is published, as ${codec.toUpperCase()}${count}`);
          const levels = renditions > 1 ? streams.map(({ level }) => level) : [0];
          feed = stream.forward(codec, levels, (frame: EncodedFrame) => publisher.send(frame));
        },
        keyframeNeeded: (level) => feed?.requestKeyframe(level),
        closed: (reason) => {
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

  /** @throws {WhipError} */
  async #offer(
    sdp: string,
    isSimulcast: boolean,
  ): Promise<{ readonly answer: string; readonly session: string | undefined }> {
    const { url } = this.#options;
    const headers = { "Content-Type": "application/sdp", Accept: "application/sdp" };
    const signal = AbortSignal.any([AbortSignal.timeout(ANSWER_WITHIN), this.#stopping.signal]);
    const response = await this.#ask(url, { method: "POST", headers, body: sdp, signal });
    if (response.status !== 201) {
      await response.body?.cancel();
      throw new WhipError(`it answers with the status ${response.status}`, {
        retryAfter: retryAfterOf(response),
        otherCodec: OTHER_CODEC.includes(response.status),
        noSimulcast: isSimulcast && NO_SIMULCAST.includes(response.status),
      });
    }
    const location = response.headers.get("location");
    const base = response.url || url;
    const named = location !== null && URL.canParse(location, base) ? new URL(location, base) : undefined;
    // Nothing is asked of another server than the one that was named, least of all with the token.
    const session = named?.origin === new URL(url).origin ? named.href : undefined;
    return { answer: await readAnswer(response), session };
  }

  /** The session is the endpoint's to forget, should it not hear this. */
  async #leave(session: string): Promise<void> {
    const request = { method: "DELETE", signal: AbortSignal.timeout(GOODBYE_WITHIN) };
    const response = await this.#ask(session, request).catch(() => undefined);
    await response?.body?.cancel().catch(() => {});
  }

  /** @throws {WhipError} */
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

  /** Tells what is new, of the many times that it may be tried. */
  #say(what: string): void {
    if (what === this.#said) return;
    this.#said = what;
    this.#options.log(`Forwarding ${this.#options.stream.name} to ${this.#where} ${what}.`);
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

/** In seconds (RFC 9110, section 10.2.3), not longer than the longest wait; a date is left to the waits here. */
function retryAfterOf(response: Response): Millis {
  const text = response.headers.get("retry-after") ?? "";
  const seconds = Number(text);
  return text !== "" && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER) : 0;
}

/** @throws {WhipError} for one longer than any. */
async function readAnswer(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_OFFER_LENGTH) throw new WhipError("its answer is too long");
  }
  return text;
}
