/**
 * The sessions of WHEP viewers (draft-ietf-wish-whep-04). Each has a URL of its own, where its player restarts ICE and
 * ends it. WHEP viewers join, and are refused, like viewers of the page.
 */
import { randomUUID } from "node:crypto";
import type { WhenOver } from "../../access/access.ts";
import type { Cancel, Millis } from "../../base/clock.ts";
import type { IceConfiguration, RefusalCode, Reply, SessionAnswer } from "../../shared/protocol.ts";
import { Watching, type WatchingOptions } from "../../signaling/watching.ts";
import { credentialsOf, fragmentOf, iceSessionsOf, isFragment, withCredentials } from "./fragment.ts";
import { Problem } from "./problem.ts";

/** A new session. */
export interface Opened {
  /** A random id. Anybody who knows it may change and end the session. */
  readonly id: string;
  /** The entity tag of the ICE session, in quotes. */
  readonly etag: string;
  readonly answer: string;
  readonly ice: Partial<IceConfiguration>;
}

/** The answer to an ICE restart. */
export interface Restarted {
  readonly etag: string;
  /** The body, of type `application/trickle-ice-sdpfrag`. */
  readonly fragment: string;
  readonly ice: Partial<IceConfiguration>;
}

/** The detail of a 404 for a session. */
export const NO_SESSION = "There is no session with this id, or it has ended.";

interface Session {
  readonly stream: string;
  readonly watching: Watching;
  readonly stopExpiring: Cancel;
  offer: string;
  etag: string;
}

/** Delays before a player should retry, by reason. */
const FULL_RETRY_DELAY: Millis = 10_000;
const NOT_LIVE_RETRY_DELAY: Millis = 2000;
const BUSY_RETRY_DELAY: Millis = 1000;

/** The status and retry delay of a refused offer. All other codes are faults of the server: 500. */
const OFFER_REFUSALS: Partial<Record<RefusalCode, readonly [number, Millis?]>> = {
  "no-such-stream": [409, NOT_LIVE_RETRY_DELAY],
  "no-common-codec": [422],
  "bad-request": [400],
  full: [503, FULL_RETRY_DELAY],
};

/** The status and retry delay of a refused ICE restart. */
const RESTART_REFUSALS: Partial<Record<RefusalCode, readonly [number, Millis?]>> = {
  // Not connected yet.
  "not-watching": [409, BUSY_RETRY_DELAY],
  // The offer itself was accepted before, so the restart comes too soon after the last one.
  "bad-request": [429, BUSY_RETRY_DELAY],
};

/** The WHEP sessions of one server. */
export class WhepSessions {
  readonly #options: Omit<WatchingOptions, "address">;
  readonly #sessions = new Map<string, Session>();

  constructor(options: Omit<WatchingOptions, "forbids" | "address">) {
    // The routes check the right to view.
    this.#options = { ...options, forbids: async () => undefined };
  }

  /** Whether the stream has a session with this id. */
  has(stream: string, id: string): boolean {
    return this.#sessions.get(id)?.stream === stream;
  }

  /**
   * Admits a viewer. Its session ends when it leaves or is disconnected.
   * @param address the viewer's address, see {@link WatchingOptions.address}.
   * @param whenOver reports the end of the viewer's right to watch.
   * @throws {Problem} if the viewer is refused.
   */
  async open(stream: string, offer: string, address: string, whenOver: WhenOver): Promise<Opened> {
    if (!receivesVideo(offer))
      throw new Problem(422, "The offer does not ask for video. Offer a recvonly video section.");
    const id = randomUUID();
    let ended = false;
    const watching = new Watching({ ...this.#options, address }, () => {
      ended = true;
      this.#forget(id);
    });
    const { answer, ...ice } = accepted(await watching.watch({ stream, offer }), OFFER_REFUSALS);
    const etag = newTag();
    if (!ended) {
      const stopExpiring = whenOver(() => this.end(stream, id));
      this.#sessions.set(id, { stream, watching, stopExpiring, offer, etag });
    }
    return { id, etag, answer, ice };
  }

  /**
   * Restarts ICE if the fragment has new credentials. Candidates are accepted and ignored: the server learns a viewer's
   * addresses from its packets.
   * @param tags the request's `If-Match`.
   * @returns the answer to a restart; undefined for candidates.
   * @throws {Problem} if the request is refused.
   */
  async patch(
    stream: string,
    id: string,
    fragment: string,
    tags: string | undefined,
  ): Promise<Restarted | undefined> {
    const session = this.#find(stream, id);
    if (!isFragment(fragment))
      throw new Problem(
        400,
        "The body is not an SDP fragment (RFC 8840). Send only ICE credentials and candidates.",
      );
    const named = iceSessionsOf(fragment);
    const offered = new Set(iceSessionsOf(session.offer));
    const isRestart = named.some((one) => !offered.has(one));
    // Some players send no tag with candidates. The ICE credentials then identify the session.
    const isIdentified = tags !== undefined || (named.length > 0 && !isRestart);
    if (!isIdentified)
      throw new Problem(428, "The header If-Match is missing. Set it to the session's ETag.");
    if (tags !== undefined && !matches(tags, session.etag))
      throw new Problem(
        412,
        "The ETag is not that of the current ICE session. Use the one of the last answer.",
      );
    return isRestart ? this.#restart(session, fragment) : undefined;
  }

  /**
   * Ends a session.
   * @throws {Problem} if there is none with this id.
   */
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
    if (!credentials) throw new Problem(400, "The fragment needs exactly one ice-ufrag and one ice-pwd.");
    const offer = withCredentials(session.offer, credentials);
    const { answer, ...ice } = accepted(await session.watching.restart({ offer }), RESTART_REFUSALS);
    session.offer = offer;
    session.etag = newTag();
    return { etag: session.etag, fragment: fragmentOf(answer), ice };
  }

  #find(stream: string, id: string): Session {
    const session = this.#sessions.get(id);
    if (session?.stream !== stream) throw new Problem(404, NO_SESSION);
    return session;
  }
}

/**
 * The value of a reply.
 * @throws {Problem} if the request was refused.
 */
function accepted(
  reply: Reply<SessionAnswer>,
  refused: Partial<Record<RefusalCode, readonly [number, Millis?]>>,
): SessionAnswer {
  if (reply.ok) return reply.value;
  const [status, retryAfter] = refused[reply.code] ?? [500];
  throw new Problem(status, reply.message, retryAfter);
}

/** Players must not offer video that they only send, or that is inactive (section 4.3.5). */
function receivesVideo(offer: string): boolean {
  const video = offer.split(/^(?=m=)/m).find((section) => section.startsWith("m=video "));
  return video === undefined || !/^a=(sendonly|inactive)\r?$/m.test(video);
}

function newTag(): string {
  return `"${randomUUID()}"`;
}

/** Evaluates `If-Match` (RFC 9110, section 13.1.1). The example of the WHEP draft has the asterisk in quotes. */
function matches(tags: string, etag: string): boolean {
  const listed = tags.split(",").map((tag) => tag.trim());
  return listed.some((tag) => tag === etag || tag === "*" || tag === '"*"');
}
