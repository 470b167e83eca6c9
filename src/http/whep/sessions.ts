/**
 * The viewers that came by WHEP (draft-ietf-wish-whep-04): each is a resource of its own, by which its player restarts
 * ICE and leaves. They join, and are refused, as the page's viewers are.
 */
import { randomUUID } from "node:crypto";
import type { WhenOver } from "../../access/access.ts";
import type { Cancel, Millis } from "../../base/clock.ts";
import type { IceConfiguration, RefusalCode, Reply, SessionAnswer } from "../../shared/protocol.ts";
import { Watching, type WatchingOptions } from "../../signaling/watching.ts";
import { credentialsOf, fragmentOf, iceSessionsOf, isFragment, withCredentials } from "./fragment.ts";
import { Problem } from "./problem.ts";

/** A session that was made. */
export interface Opened {
  /** Nobody can guess it: who has it may change and end the session. */
  readonly id: string;
  /** The entity tag of its ICE session, in quotes. */
  readonly etag: string;
  readonly answer: string;
  readonly ice: Partial<IceConfiguration>;
}

/** An ICE restart's answer. */
export interface Restarted {
  readonly etag: string;
  /** `application/trickle-ice-sdpfrag`. */
  readonly fragment: string;
  readonly ice: Partial<IceConfiguration>;
}

interface Session {
  readonly stream: string;
  readonly watching: Watching;
  readonly stopExpiring: Cancel;
  offer: string;
  etag: string;
}

/** When a player is to try again, where that may help. */
const FULL_FOR: Millis = 10_000;
const NOT_LIVE_FOR: Millis = 2000;
const BUSY_FOR: Millis = 1000;

/** Of an offer that was refused; those not here are the server's own faults. */
const OFFER_REFUSED: Partial<Record<RefusalCode, readonly [number, Millis?]>> = {
  "no-such-stream": [409, NOT_LIVE_FOR],
  "no-common-codec": [422],
  "bad-request": [400],
  full: [503, FULL_FOR],
};

/** Of an ICE restart that was refused. */
const RESTART_REFUSED: Partial<Record<RefusalCode, readonly [number, Millis?]>> = {
  // Not connected yet.
  "not-watching": [409, BUSY_FOR],
  // What is offered was taken before: it is too soon after the last.
  "bad-request": [429, BUSY_FOR],
};

export class WhepSessions {
  readonly #options: Omit<WatchingOptions, "address">;
  readonly #sessions = new Map<string, Session>();

  constructor(options: Omit<WatchingOptions, "forbids" | "address">) {
    // Who comes here has been asked already.
    this.#options = { ...options, forbids: async () => undefined };
  }

  has(stream: string, id: string): boolean {
    return this.#sessions.get(id)?.stream === stream;
  }

  /**
   * Lets a viewer in. Its session goes with it, however it goes.
   * @param address whose it is, as {@link WatchingOptions.address}.
   * @param whenOver tells the end of what lets it watch.
   * @throws {Problem}
   */
  async open(stream: string, offer: string, address: string, whenOver: WhenOver): Promise<Opened> {
    if (!receivesVideo(offer)) throw new Problem(422, "The offer does not ask to receive video.");
    const id = randomUUID();
    let ended = false;
    const watching = new Watching({ ...this.#options, address }, () => {
      ended = true;
      this.#forget(id);
    });
    const { answer, ...ice } = accepted(await watching.watch({ stream, offer }), OFFER_REFUSED);
    const etag = newTag();
    if (!ended) {
      const stopExpiring = whenOver(() => this.end(stream, id));
      this.#sessions.set(id, { stream, watching, stopExpiring, offer, etag });
    }
    return { id, etag, answer, ice };
  }

  /**
   * Takes further candidates, which need no more than that: a viewer's addresses are learnt from its packets. Or
   * restarts ICE, where the fragment has other credentials than the session.
   * @param tags the request's `If-Match`.
   * @returns what the restart is answered; undefined for candidates.
   * @throws {Problem}
   */
  async patch(
    stream: string,
    id: string,
    fragment: string,
    tags: string | undefined,
  ): Promise<Restarted | undefined> {
    const session = this.#find(stream, id);
    if (!isFragment(fragment)) throw new Problem(400, "The body is not a fragment of a session description.");
    const named = iceSessionsOf(fragment);
    const offered = new Set(iceSessionsOf(session.offer));
    const isRestart = named.some((one) => !offered.has(one));
    // Candidates that name the ICE session need no tag to tell it: there are players that send none.
    const isTold = tags !== undefined || (named.length > 0 && !isRestart);
    if (!isTold) throw new Problem(428, "The request needs an If-Match header with the session's ETag.");
    if (tags !== undefined && !matches(tags, session.etag))
      throw new Problem(412, "The ETag is not that of the present ICE session.");
    return isRestart ? this.#restart(session, fragment) : undefined;
  }

  /** @throws {Problem} */
  end(stream: string, id: string): void {
    this.#find(stream, id).watching.leave();
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#sessions.get(id)?.stopExpiring();
    this.#sessions.delete(id);
  }

  async #restart(session: Session, fragment: string): Promise<Restarted> {
    const credentials = credentialsOf(fragment);
    if (!credentials) throw new Problem(400, "The fragment has no ICE credentials, or several.");
    const offer = withCredentials(session.offer, credentials);
    const { answer, ...ice } = accepted(await session.watching.restart({ offer }), RESTART_REFUSED);
    session.offer = offer;
    session.etag = newTag();
    return { etag: session.etag, fragment: fragmentOf(answer), ice };
  }

  #find(stream: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session?.stream !== stream) throw new Problem(404, "There is no such session, or it has ended.");
    return session;
  }
}

/** @throws {Problem} where it was refused. */
function accepted(
  reply: Reply<SessionAnswer>,
  refused: Partial<Record<RefusalCode, readonly [number, Millis?]>>,
): SessionAnswer {
  if (reply.ok) return reply.value;
  const [status, retryAfter] = refused[reply.code] ?? [500];
  throw new Problem(status, reply.message, retryAfter);
}

/** Players must not offer video that they only send, or that nobody sends (section 4.3.5). */
function receivesVideo(offer: string): boolean {
  const video = offer.split(/^(?=m=)/m).find((section) => section.startsWith("m=video "));
  return video === undefined || !/^a=(sendonly|inactive)\r?$/m.test(video);
}

function newTag(): string {
  return `"${randomUUID()}"`;
}

/** RFC 9110, section 13.1.1. The draft's own example has the asterisk in quotes. */
function matches(tags: string, etag: string): boolean {
  const listed = tags.split(",").map((tag) => tag.trim());
  return listed.some((tag) => tag === etag || tag === "*" || tag === '"*"');
}
