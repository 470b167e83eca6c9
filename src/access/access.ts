/** Who may do what: the one place that decides, for HTTP and signaling alike. docs/security.md has the rules. */
import { afterAtMost, type Cancel, type EpochMs, type Millis } from "../base/clock.ts";
import type { Asker } from "./asker.ts";
import { isHere, isHereOrOwnPage } from "./from-this-machine.ts";
import type { Hosts } from "./hosts.ts";
import type { Link } from "./link-signer.ts";
import type { Proxies } from "./proxies.ts";
import { refusalOf, SHARE_REFUSAL, type Why } from "./refusal-messages.ts";
import { sameSecret } from "./same-secret.ts";
import { Guesses } from "./token-guesses.ts";
import { type BadToken, type Grant, type Right, type TokenOptions, Tokens } from "./tokens.ts";

export interface AccessOptions extends TokenOptions {
  /** The token that this server hands to the Blender it starts; undefined where it starts none. */
  readonly own: string | undefined;
  /** What the server listens on, by which this machine may call it. */
  readonly host: string;
  /** What this machine may do over TCP without a token. */
  readonly here: readonly Right[];
  readonly proxies: Proxies;
  /** The names of this server; undefined where pages of every site may read what needs no token. */
  readonly hosts: Hosts | undefined;
}

/** Runs it once when what was granted ends; never where it does not end. */
export type WhenOver = (run: () => void) => Cancel;

/** `everybody`: no token is asked. `here`: this machine. `own`: the Blender started here. `token`: by its token. */
export interface Granted {
  readonly granted: true;
  readonly by: "everybody" | "here" | "own" | "token";
  /** When the token expires; undefined where it does not. */
  readonly until: EpochMs | undefined;
  /** Ends what the grant has let in: when its token expires, or its link is revoked. */
  readonly whenOver: WhenOver;
}

export interface Refused {
  readonly granted: false;
  /** 401 asks for a token, 403 is for a wrong one, 429 for too many wrong ones, 503 where it could not be checked. */
  readonly status: 401 | 403 | 429 | 503;
  /** A sentence for the user. */
  readonly message: string;
}

export type Verdict = Granted | Refused;

const WITHOUT_END = { until: undefined, whenOver: () => () => {} } as const;

const EVERYBODY: Granted = { granted: true, by: "everybody", ...WITHOUT_END };

const STATUSES: { readonly [W in Why]?: Refused["status"] } = {
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

export class Access {
  readonly #options: AccessOptions;
  readonly #tokens: Tokens;
  readonly #guesses: Guesses;
  /** What the token of a request was found to be: one request is one guess, whatever it is asked for. */
  readonly #reads = new WeakMap<Asker, Promise<Grant | BadToken | "too-many">>();

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#tokens = new Tokens(options);
    this.#guesses = new Guesses(options.clock);
  }

  /** Whether anybody may watch: unless the user has set what viewers can have tokens of. */
  get isOpen(): boolean {
    return this.#options.secrets.view === undefined && !this.#signed;
  }

  /**
   * Why the server is misnamed by this request, as {@link Hosts.refusal} has it; undefined if a token guards what may be
   * watched: a page of another site does not have that token.
   */
  misnamed(asker: Asker): string | undefined {
    return this.isOpen ? this.#options.hosts?.refusal(asker) : undefined;
  }

  /**
   * Whether who asks may do that to the stream. Everybody may watch where {@link isOpen}. What this machine may do
   * without a token its programs may, and to operate its browser; all others need a token with the right.
   * @param stream its name, whether it is there or not; undefined for the whole server, which a token for some
   * streams is not for.
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
      return { granted: true, by: "own", ...WITHOUT_END };
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
    const needsToken = !view.granted && view.status === 401;
    return {
      ...{ publish, view, operate },
      share: shareVerdict(view, operate),
      // Operators without a token make links to the stream, so they may know that it exists.
      list: needsToken && operate.granted ? operate : view,
    };
  }

  /** A token to watch one stream with, as share links carry it. */
  share(stream: string, lifetime: Millis): Promise<Link> {
    return this.#options.links.sign(stream, lifetime);
  }

  get #signed(): boolean {
    return this.#options.jwtSecret !== undefined || this.#options.jwks !== undefined;
  }

  #readOnce(asker: Asker, token: string): Promise<Grant | BadToken | "too-many"> {
    const reading = this.#reads.get(asker) ?? this.#read(asker, token);
    this.#reads.set(asker, reading);
    return reading;
  }

  /** A fixed secret could be guessed, a signed token not: one bad client shuts out no others at its address. */
  async #read(asker: Asker, token: string): Promise<Grant | BadToken | "too-many"> {
    const guess = this.#guesses.take(this.#options.proxies.clientOf(asker));
    const read = await this.#tokens.read(token, asker.inAddress || guess === undefined);
    if (guess === undefined) return typeof read === "string" ? "too-many" : read;
    if (read === "wrong") return read;
    if (typeof read === "object" && read.until === undefined) guess.right();
    else guess.giveBack();
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
    // The socket's file is this user's alone; over TCP nobody shows who they are.
    const isTrusted = asker.local || here.includes(right);
    const isAsked =
      (right === "publish" && isHere(asker, host)) || (right === "operate" && isHereOrOwnPage(asker, host));
    return isTrusted && isAsked
      ? { granted: true, by: "here", ...WITHOUT_END }
      : this.#refused(right, "missing");
  }

  #refused(right: Right, why: Why): Refused {
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
