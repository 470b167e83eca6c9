/** Who may do what: the one place that decides, for HTTP and signaling alike. docs/security.md has the rules. */
import type { EpochMs } from "../timing.ts";
import type { Asker } from "./asker.ts";
import { isHere, isHereOrOwnPage } from "./here.ts";
import type { Hosts } from "./hosts.ts";
import { addressKey, type Proxies } from "./proxies.ts";
import { RateLimit } from "./rate-limit.ts";
import { sameSecret } from "./secret.ts";
import { type Right, type TokenOptions, Tokens } from "./tokens.ts";
import { refusalOf, type Why } from "./words.ts";

export interface AccessOptions extends TokenOptions {
  /** The token that this server hands to the Blender it starts; undefined where it starts none. */
  readonly own: string | undefined;
  /** What the server listens on, by which this machine may call it. */
  readonly host: string;
  readonly proxies: Proxies;
  /** The names of this server; undefined where pages of every site may read what needs no token. */
  readonly hosts: Hosts | undefined;
}

/** `everybody`: no token is asked. `here`: this machine. `own`: the Blender started here. `token`: by its token. */
export interface Granted {
  readonly granted: true;
  readonly by: "everybody" | "here" | "own" | "token";
  /** When the token expires; undefined where it does not. */
  readonly until: EpochMs | undefined;
}

export interface Refused {
  readonly granted: false;
  /** 401 asks for a token, 403 is for a wrong one, 429 for too many wrong ones, 503 where it could not be checked. */
  readonly status: 401 | 403 | 429 | 503;
  /** A sentence for the user. */
  readonly message: string;
}

export type Verdict = Granted | Refused;

/** Wrong tokens that an address may try: enough for a user's mistakes, too few to find a secret of eight letters. */
const WRONG_TOKENS = { burst: 20, perSecond: 1 / 3 };

const EVERYBODY: Granted = { granted: true, by: "everybody", until: undefined };

const STATUSES: { readonly [W in Why]?: Refused["status"] } = {
  missing: 401,
  expired: 401,
  "too-many": 429,
  unchecked: 503,
};

/** Whether it was given for a fixed secret: what is signed ends. */
export function hasFixedSecret(verdict: Verdict): boolean {
  return verdict.granted && verdict.by === "token" && verdict.until === undefined;
}

export class Access {
  readonly #options: AccessOptions;
  readonly #tokens: Tokens;
  readonly #wrongTokens: RateLimit;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#tokens = new Tokens(options);
    this.#wrongTokens = new RateLimit(options.clock, WRONG_TOKENS);
  }

  /** Whether anybody may watch: unless the user has set what viewers can have tokens of. */
  get isOpen(): boolean {
    return this.#options.secrets.view === undefined && !this.#signed;
  }

  /**
   * Why who asks may not watch by the name that they call the server by, as {@link Hosts.refusal} has it; undefined
   * where a token guards what may be watched: no other site's page has that.
   */
  misnamed(asker: Asker): string | undefined {
    return this.isOpen ? this.#options.hosts?.refusal(asker) : undefined;
  }

  /**
   * Whether who asks may do that to the stream. Everybody may watch where {@link isOpen}. A program on this machine
   * may publish and operate, a browser here operate too; all others need a token with the right.
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
      return { granted: true, by: "own", until: undefined };
    const from = addressKey(this.#options.proxies.clientOf(asker));
    // A fixed secret could be guessed, a signed token not: one bad client shuts out no others at its address.
    const isSpent = this.#wrongTokens.isSpent(from);
    const read = await this.#tokens.read(token, asker.inAddress || isSpent);
    if (isSpent && typeof read === "string") return this.#refused(right, "too-many");
    if (read === "wrong") this.#wrongTokens.exceeds(from);
    if (typeof read === "string")
      return this.#refused(right, read === "wrong" && asker.inAddress ? "in-address" : read);
    const { rights, streams, until } = read;
    const covers = streams === "all" || (stream !== undefined && streams.includes(stream));
    return rights.includes(right) && covers
      ? { granted: true, by: "token", until }
      : this.#refused(right, "other");
  }

  /**
   * Whether who asks may have links made to the stream: who operates, and who has the fixed secret to view by, which
   * would otherwise be given away itself.
   */
  async mayShare(asker: Asker, stream: string | undefined): Promise<Verdict> {
    const view = await this.mayDo(asker, "view", stream);
    return hasFixedSecret(view) ? view : this.mayDo(asker, "operate", stream);
  }

  /** A token to watch one stream with for so many milliseconds, as share links carry it. */
  share(stream: string, lifetime: number): ReturnType<Tokens["share"]> {
    return this.#tokens.share(stream, lifetime);
  }

  get #signed(): boolean {
    return this.#options.jwtSecret !== undefined || this.#options.jwks !== undefined;
  }

  #withoutToken(asker: Asker, right: Right): Verdict {
    const { host } = this.#options;
    const here =
      (right === "publish" && isHere(asker, host)) || (right === "operate" && isHereOrOwnPage(asker, host));
    return here ? { granted: true, by: "here", until: undefined } : this.#refused(right, "missing");
  }

  #refused(right: Right, why: Why): Refused {
    const status = STATUSES[why] ?? 403;
    const fixed = this.#options.secrets[right] !== undefined;
    return { granted: false, status, message: refusalOf(right, why, { fixed, signed: this.#signed }) };
  }
}
