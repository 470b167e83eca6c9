/** Reads tokens: fixed secrets, signed JWTs (RFC 7519), and the tokens of share links. */

import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { LinkGrant, LinkSigner } from "./link-signer.ts";
import { sameSecret } from "./same-secret.ts";

/** Publish streams, watch them, turn their cameras, and operate the server: read its metrics, make and revoke links. */
export const RIGHTS = ["publish", "view", "control", "operate"] as const;

/** One of {@link RIGHTS}. */
export type Right = (typeof RIGHTS)[number];

/** What a token grants. */
export interface Grant {
  readonly rights: readonly Right[];
  /** The streams that the rights apply to. */
  readonly streams: readonly string[] | "all";
  /** When the token expires; undefined for a fixed secret. */
  readonly until: EpochMs | undefined;
  /** The share link of the token, which may be revoked; undefined for other tokens. */
  readonly link: LinkGrant | undefined;
}

/** `wrong`: not valid here. `expired`: no longer valid. `unchecked`: the keys of `--jwks` are unavailable. */
export type BadToken = "wrong" | "expired" | "unchecked";

/** What {@link Tokens} needs. */
export interface TokenOptions {
  readonly clock: Clock;
  /** The fixed tokens of rights that have one. */
  readonly secrets: Partial<Record<Right, string>>;
  /** The HS256 key of JWTs; undefined if it is not used. */
  readonly jwtSecret: string | undefined;
  /** The URL of the public keys of JWTs (RFC 7517); undefined if they are not used. */
  readonly jwks: string | undefined;
  /** The required `iss` of JWTs (RFC 7519, section 4.1.1); undefined for any. */
  readonly jwtIssuer: string | undefined;
  /** The required `aud` of JWTs (section 4.1.3); undefined for any. */
  readonly jwtAudience: string | undefined;
  readonly links: LinkSigner;
  readonly log: Log;
}

/** In characters. */
const MAX_TOKEN_LENGTH = 4096;

/** How far the clocks of other signers may be off. */
const CLOCK_TOLERANCE_SECONDS = 5;

/** The least time between two log lines about unavailable keys. */
const KEY_ERROR_LOG_INTERVAL: Millis = 60_000;

/** RFC 7518, section 3.1, without HMAC: a public key must not serve as a shared secret. */
const PUBLIC_KEY_ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** The claims that are read, besides `nbf`. Without `streams`, or with `*` in it, a token is for all streams. */
const claims = z.object({
  exp: z.number(),
  rights: z.array(z.enum(RIGHTS)),
  streams: z.array(z.string()).optional(),
});

interface Key {
  readonly key: Uint8Array | JWTVerifyGetKey;
  readonly algorithms: string[];
}

/** Reads the tokens of one server. */
export class Tokens {
  readonly #clock: Clock;
  readonly #secrets: readonly (readonly [Right, string])[];
  readonly #keys: Key[] = [];
  readonly #links: LinkSigner;
  /** Claims that every JWT must have, besides those of {@link claims}. */
  readonly #required: { readonly issuer?: string; readonly audience?: string };
  readonly #log: Log;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor({ clock, secrets, jwtSecret, jwks, jwtIssuer, jwtAudience, links, log }: TokenOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#links = links;
    this.#required = {
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
   * What the token grants, or why it grants nothing.
   * @param signedOnly whether to skip the comparison with fixed tokens.
   */
  async read(token: string, signedOnly: boolean): Promise<Grant | BadToken> {
    if (token === "" || token.length > MAX_TOKEN_LENGTH) return "wrong";
    if (!signedOnly) {
      // Compares all of them, so that the time does not tell which one matches.
      const rights = this.#secrets.filter(([, secret]) => sameSecret(secret, token)).map(([right]) => right);
      // A page has one token, and whoever turns a camera watches.
      if (rights.includes("control")) rights.push("view");
      if (rights.length > 0) return { rights, streams: "all", until: undefined, link: undefined };
    }
    if (token.split(".").length !== 3) return "wrong";
    const link = await this.#links.read(token);
    if (typeof link === "object") {
      const rights: readonly Right[] = link.control ? ["view", "control"] : ["view"];
      return { rights, streams: [link.stream], until: link.until, link };
    }
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
      ...this.#required,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ["exp", "rights"],
    };
    let payload: JWTPayload;
    try {
      // Two calls, since the overloads take either a key or a function.
      ({ payload } =
        typeof key === "function"
          ? await jwtVerify(token, key, options)
          : await jwtVerify(token, key, options));
    } catch (error) {
      if (error instanceof errors.JWTExpired) return "expired";
      if (isAboutToken(error)) return "wrong";
      this.#logUnavailable(error);
      return "unchecked";
    }
    const read = claims.safeParse(payload);
    if (!read.success) return "wrong";
    const { rights, streams, exp } = read.data;
    const all = streams === undefined || streams.includes("*");
    const until = ((exp + CLOCK_TOLERANCE_SECONDS) * 1000) as EpochMs;
    return { rights, streams: all ? "all" : streams, until, link: undefined };
  }

  #logUnavailable(error: unknown): void {
    const now = this.#clock.now();
    if (now - this.#loggedAt < KEY_ERROR_LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#log(`The keys of --jwks are unavailable: ${reasonOf(error)}.`, { level: "warn" });
  }
}

/** Whether the error is about the token; false if fetching the keys failed. */
function isAboutToken(error: unknown): boolean {
  const fetching = [errors.JWKSTimeout, errors.JWKSInvalid];
  if (!(error instanceof errors.JOSEError) || fetching.some((kind) => error instanceof kind)) return false;
  // jose throws a plain JOSEError if the server of the keys answers with an error.
  return error.constructor !== errors.JOSEError;
}
