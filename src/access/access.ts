/**
 * Decides who may do what, for HTTP and signaling alike. This room also limits how often a client may ask; `guard.ts`
 * builds all of it from the options, and docs/security.md has the rules.
 */
import { afterAtMost, type Cancel, type EpochMs, type Millis } from "../base/clock.ts";
import type { Asker } from "./asker.ts";
import { isHere, isHereOrOwnPage } from "./from-this-machine.ts";
import type { Hosts } from "./hosts.ts";
import type { Link } from "./link-signer.ts";
import type { Proxies } from "./proxies.ts";
import { type RefusalReason, refusalOf, SHARE_REFUSAL } from "./refusal-messages.ts";
import { sameSecret } from "./same-secret.ts";

import { Guesses } from "./token-guesses.ts";
import { type BadToken, type Grant, type Right, type TokenOptions, Tokens } from "./tokens.ts";

/** What {@link Access} needs. */
export interface AccessOptions extends TokenOptions {
  /** The token of the Blender that this server starts; undefined if it starts none. */
  readonly own: string | undefined;
  /** The address that the server listens on: programs on this machine may use it in URLs. */
  readonly host: string;
  /** The rights of this machine over TCP without a token. */
  readonly here: readonly Right[];
  readonly proxies: Proxies;
  /** The names of this server; undefined if pages of every site may read what needs no token. */
  readonly hosts: Hosts | undefined;
}

/** Calls `run` once, when the grant ends. Most grants never end. */
export type WhenOver = (run: () => void) => Cancel;

/**
 * The right is granted. `everybody`: it needs no token. `here`: the request comes from this machine. `own`: it comes
 * from the Blender that this server started. `token`: its token has the right.
 */
export interface Granted {
  readonly granted: true;
  readonly by: "everybody" | "here" | "own" | "token";
  /** When the token expires; undefined if it does not. */
  readonly until: EpochMs | undefined;
  /** Reports the end of the grant: its token expires, or its link is revoked. */
  readonly whenOver: WhenOver;
}

/** The right is refused. */
export interface Refused {
  readonly granted: false;
  /** 401: a token is needed. 403: the token lacks the right. 429: too many wrong tokens. 503: it cannot be checked. */
  readonly status: 401 | 403 | 429 | 503;
  /** Says what happened and what to do, for the user. */
  readonly message: string;
}

/** The answer to "may this asker do that?". */
export type Verdict = Granted | Refused;

const NO_END = { until: undefined, whenOver: () => () => {} } as const;

const EVERYBODY: Granted = { granted: true, by: "everybody", ...NO_END };

/** 403 for all other reasons. */
const STATUSES: { readonly [R in RefusalReason]?: Refused["status"] } = {
  missing: 401,
  expired: 401,
  "too-many": 429,
  unchecked: 503,
};

/** The verdicts on all that an asker may do to one stream. */
export interface StreamRights extends Readonly<Record<Right, Verdict>> {
  /** Make links that let others watch the stream. */
  readonly share: Verdict;
  /** See the stream in the list of streams. */
  readonly list: Verdict;
}

/** The access rules of one server. */
export class Access {
  readonly #options: AccessOptions;
  readonly #tokens: Tokens;
  readonly #guesses: Guesses;
  /** The result of reading each request's token: checking several rights counts as one guess. */
  readonly #reads = new WeakMap<Asker, Promise<Grant | BadToken | "too-many">>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#tokens = new Tokens(options);
    this.#guesses = new Guesses(options.clock);
  }

  /** Whether anybody may watch: no view token, JWT secret or JWKS is set. */
  get isOpen(): boolean {
    return this.#options.secrets.view === undefined && !this.#signed;
  }

  /**
   * Why the request's `Host` is refused, see {@link Hosts.refusal}; undefined if it is not. A server whose streams need
   * a token accepts any name: a page of another site does not have the token.
   */
  misnamed(asker: Asker): string | undefined {
    return this.isOpen ? this.#options.hosts?.refusal(asker) : undefined;
  }

  /**
   * Whether the asker has the right to the stream. Anybody may watch if {@link isOpen}. Programs on this machine, and
   * its browser for `operate` and `control`, may need no token; all others need one with the right.
   * @param stream the name of a stream, which need not exist; undefined for the whole server, which needs a token for
   * all streams.
   */
  async mayDo(asker: Asker, right: Right, stream: string | undefined): Promise<Verdict> {
    if (right === "view" && this.isOpen) {
      const message = this.misnamed(asker);
      return message === undefined ? EVERYBODY : { granted: false, status: 403, message };
    }
    const { token } = asker;
    if (token === undefined) return this.#withoutToken(asker, right);
    const { own } = this.#options;
    if (right === "publish" && own !== undefined && !asker.inAddress && sameSecret(token, own))
      return { granted: true, by: "own", ...NO_END };
    const read = await this.#readOnce(asker, token);
    if (typeof read === "string")
      return this.#refused(right, read === "wrong" && asker.inAddress ? "in-address" : read);
    const { rights, streams, until } = read;
    const covers = streams === "all" || (stream !== undefined && streams.includes(stream));
    return rights.includes(right) && covers
      ? { granted: true, by: "token", until, whenOver: (run) => this.#whenOver(read, run) }
      : this.#refused(right, "other");
  }

  /** The asker's rights to a stream. The stream need not exist. */
  async rightsOf(asker: Asker, stream: string): Promise<StreamRights> {
    const publish = await this.mayDo(asker, "publish", stream);
    const view = await this.mayDo(asker, "view", stream);
    const operate = await this.mayDo(asker, "operate", stream);
    const control = await this.mayDo(asker, "control", stream);
    const needsToken = !view.granted && view.status === 401;
    return {
      ...{ publish, view, control, operate },
      share: shareVerdict(view, operate),
      // Operators without a token make links to the stream, so they may know that it exists.
      list: needsToken && operate.granted ? operate : view,
    };
  }

  /** The token of a new share link: it lets its holder watch one stream, and control it if `control` is true. */
  share(stream: string, lifetime: Millis, control = false): Promise<Link> {
    return this.#options.links.sign(stream, lifetime, control);
  }

  get #signed(): boolean {
    return this.#options.jwtSecret !== undefined || this.#options.jwks !== undefined;
  }

  #readOnce(asker: Asker, token: string): Promise<Grant | BadToken | "too-many"> {
    const reading = this.#reads.get(asker) ?? this.#read(asker, token);
    this.#reads.set(asker, reading);
    return reading;
  }

  /** Only fixed tokens can be guessed. Signed ones are read even from an address that is out of guesses. */
  async #read(asker: Asker, token: string): Promise<Grant | BadToken | "too-many"> {
    const guess = this.#guesses.take(this.#options.proxies.clientOf(asker));
    const read = await this.#tokens.read(token, asker.inAddress || guess === undefined);
    if (guess === undefined) return typeof read === "string" ? "too-many" : read;
    if (read === "wrong") return read;
    if (typeof read === "object" && read.until === undefined) guess.right();
    else guess.releaseMemory();
    return read;
  }

  #whenOver({ until, link }: Grant, run: () => void): Cancel {
    if (until === undefined) return () => {};
    const cancels: Cancel[] = [];
    const cancel = () => {
      for (const one of cancels) one();
    };
    const end = () => {
      cancel();
      run();
    };
    cancels.push(afterAtMost(this.#options.clock, until, end));
    if (link) cancels.push(this.#options.links.whenRevoked(link, end));
    return cancel;
  }

  #withoutToken(asker: Asker, right: Right): Verdict {
    const { host, here } = this.#options;
    // Only this user can open the Unix socket. A TCP connection does not prove which user opened it.
    const isTrusted = asker.local || here.includes(right);
    const isFromHere =
      (right === "publish" && isHere(asker, host)) ||
      ((right === "operate" || right === "control") && isHereOrOwnPage(asker, host));
    return isTrusted && isFromHere
      ? { granted: true, by: "here", ...NO_END }
      : this.#refused(right, "missing");
  }

  #refused(right: Right, why: RefusalReason): Refused {
    const status = STATUSES[why] ?? 403;
    const { secrets, here } = this.#options;
    const offered = { fixed: secrets[right] !== undefined, signed: this.#signed, here: here.includes(right) };
    return { granted: false, status, message: refusalOf(right, why, offered) };
  }
}

/** Operators may share. So may holders of the fixed view token, who would otherwise pass on the token itself. */
function shareVerdict(view: Verdict, operate: Verdict): Verdict {
  // A signed token expires; a fixed one does not.
  const hasFixedToken = view.granted && view.by === "token" && view.until === undefined;
  if (hasFixedToken) return view;
  return !operate.granted && operate.status === 401 ? { ...operate, message: SHARE_REFUSAL } : operate;
}
