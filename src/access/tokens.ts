/** What tokens grant: fixed secrets, signed JWTs (RFC 7519), and the server's own for share links. */

import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { LinkGrant, LinkSigner } from "./link-signer.ts";
import { sameSecret } from "./same-secret.ts";

/** To publish streams, to watch them, and to run the server: its figures, and links for others. */
export const RIGHTS = ["publish", "view", "operate"] as const;

export type Right = (typeof RIGHTS)[number];

/** What a token lets its holder do. */
export interface Grant {
  readonly rights: readonly Right[];
  /** The streams that it is for. */
  readonly streams: readonly string[] | "all";
  /** When it expires; undefined for a fixed secret. */
  readonly until: EpochMs | undefined;
  /** The link that it is, which may be revoked before; undefined for other tokens. */
  readonly link: LinkGrant | undefined;
}

/** `wrong`: nobody's. `expired`: was good once. `unchecked`: whose keys could not be had just now. */
export type BadToken = "wrong" | "expired" | "unchecked";

export interface TokenOptions {
  readonly clock: Clock;
  /** A fixed secret for each right that has one. */
  readonly secrets: Partial<Record<Right, string>>;
  /** Whose key JWTs may be signed with by HS256. */
  readonly jwtSecret: string | undefined;
  /** Where the public keys of JWTs are (RFC 7517). */
  readonly jwks: string | undefined;
  /** The claim `iss` that JWTs must have (RFC 7519, section 4.1.1); undefined for any. */
  readonly jwtIssuer: string | undefined;
  /** What the claim `aud` of JWTs must name (section 4.1.3); undefined for any. */
  readonly jwtAudience: string | undefined;
  readonly links: LinkSigner;
  readonly log: (line: string) => void;
}

/** The longest token that is read, in characters. */
const MAX_TOKEN = 4096;

/** Of others who sign, in seconds. */
const CLOCK_TOLERANCE = 5;

/** How often the log is told of keys that cannot be had. */
const TELL_EVERY: Millis = 60_000;

/** RFC 7518, section 3.1, without those by a shared secret: a public key must not serve as one. */
const PUBLIC_KEY_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** The claims that are read, besides `exp` and `nbf`: `streams` names some, or all by `*` or where it is missing. */
const claims = z.object({
  exp: z.number(),
  rights: z.array(z.enum(RIGHTS)),
  streams: z.array(z.string()).optional(),
});

interface Key {
  readonly key: Uint8Array | JWTVerifyGetKey;
  readonly algorithms: string[];
}

export class Tokens {
  readonly #clock: Clock;
  readonly #secrets: readonly (readonly [Right, string])[];
  readonly #keys: Key[] = [];
  readonly #links: LinkSigner;
  /** The claims that every JWT must have, besides those of {@link claims}. */
  readonly #demanded: { readonly issuer?: string; readonly audience?: string };
  readonly #log: (line: string) => void;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({ clock, secrets, jwtSecret, jwks, jwtIssuer, jwtAudience, links, log }: TokenOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#links = links;
    this.#demanded = {
      ...(jwtIssuer !== undefined && { issuer: jwtIssuer }),
      ...(jwtAudience !== undefined && { audience: jwtAudience }),
    };
    this.#secrets = RIGHTS.flatMap((right) => {
      const secret = secrets[right];
      return secret === undefined ? [] : [[right, secret] as const];
    });
    if (jwtSecret !== undefined)
      this.#keys.push({ key: new TextEncoder().encode(jwtSecret), algorithms: ["HS256"] });
    if (jwks !== undefined) {
      const key = createRemoteJWKSet(new URL(jwks), { timeoutDuration: 5000, cooldownDuration: 10_000 });
      this.#keys.push({ key, algorithms: PUBLIC_KEY_ALGORITHMS });
    }
  }

  /**
   * What the token grants, or why nothing.
   * @param signedOnly leaves out the fixed secrets.
   */
  async read(token: string, signedOnly: boolean): Promise<Grant | BadToken> {
    if (token === "" || token.length > MAX_TOKEN) return "wrong";
    if (!signedOnly) {
      // All are compared, whichever is the right one.
      const rights = this.#secrets.filter(([, secret]) => sameSecret(secret, token)).map(([right]) => right);
      if (rights.length > 0) return { rights, streams: "all", until: undefined, link: undefined };
    }
    if (token.split(".").length !== 3) return "wrong";
    const link = await this.#links.read(token);
    if (typeof link === "object")
      return { rights: ["view"], streams: [link.stream], until: link.until, link };
    let worst: BadToken = link;
    for (const key of this.#keys) {
      const read = await this.#verify(token, key);
      if (typeof read !== "string") return read;
      if (read !== "wrong") worst = read;
    }
    return worst;
  }

  async #verify(token: string, { key, algorithms }: Key): Promise<Grant | BadToken> {
    const options = {
      algorithms,
      ...this.#demanded,
      clockTolerance: CLOCK_TOLERANCE,
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ["exp", "rights"],
    };
    let payload: JWTPayload;
    try {
      // Two calls, since its overloads take a key or a function.
      ({ payload } =
        typeof key === "function"
          ? await jwtVerify(token, key, options)
          : await jwtVerify(token, key, options));
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired";
      if (isAnswerable(error)) return "wrong";
      this.#tellUnchecked(error);
      return "unchecked";
    }
    const read = claims.safeParse(payload);
    if (!read.success) return "wrong";
    const { rights, streams, exp } = read.data;
    const all = streams === undefined || streams.includes("*");
    const until = ((exp + CLOCK_TOLERANCE) * 1000) as EpochMs;
    return { rights, streams: all ? "all" : streams, until, link: undefined };
  }

  #tellUnchecked(error: unknown): void {
    const now = this.#clock.now();
    if (now - this.#toldAt < TELL_EVERY) return;
    this.#toldAt = now;
    this.#log(`The keys of --jwks cannot be had: ${reasonOf(error)}.`);
  }
}

/** Whether it is about the token, and not about the way to the keys. */
function isAnswerable(error: unknown): boolean {
  const fetching = [errors.JWKSTimeout, errors.JWKSInvalid];
  if (!(error instanceof errors.JOSEError) || fetching.some((kind) => error instanceof kind)) return false;
  // A JOSEError of no kind of its own tells of an answer that was none.
  return error.constructor !== errors.JOSEError;
}
