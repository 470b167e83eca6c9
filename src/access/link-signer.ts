/** Signs share links with a random key of the server's own, and ends them before their time. */
import { randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";

/** The longest that a link is good for, and so that a revoked one is remembered. */
export const LONGEST_LINK: Millis = 30 * 24 * 3_600_000;

const KEY_BYTES = 32;
const ID_BYTES = 12;

/** Single links that are kept as revoked; whoever needs more revokes all at once. */
const MAX_REVOKED = 10_000;

/** The `id` of a link. */
export const linkId = z.string().regex(/^[\w-]{16}$/, "an id as POST /streams/NAME/share gives it");

/** What makes a link good, as it is stored. */
export const linkState = z.object({
  /** Signs by HS256; base64url. */
  key: z.string().regex(/^[\w-]{43}$/),
  /** How often the key was replaced: of two states the one with more is the newer. */
  rotations: z.int().min(0),
  /** Links that were revoked one by one, and when they end anyway. */
  revoked: z.array(z.object({ id: linkId, until: z.number() })).max(MAX_REVOKED),
});

export type LinkState = z.output<typeof linkState>;

/** Where the state outlives the process. */
export interface LinkStore {
  /**
   * @param rotated whether the key was replaced, rather than a link added to the revoked ones.
   * @returns whether it is stored.
   */
  keep(state: LinkState, rotated: boolean): Promise<boolean>;
}

/** A link that lets its holder watch. */
export interface Link {
  readonly token: string;
  /** Names it, to revoke it by; who knows it can do nothing else with it. */
  readonly id: string;
  readonly until: EpochMs;
}

/** What a link grants: to view one stream, and nothing else. */
export interface LinkGrant {
  readonly id: string;
  readonly stream: string;
  readonly until: EpochMs;
  /** The key that it was read with, counted in this process. */
  readonly generation: number;
}

/** A fresh state with a random key. */
export function newLinkState(rotations = 0): LinkState {
  return { key: randomBytes(KEY_BYTES).toString("base64url"), rotations, revoked: [] };
}

/** Rights are not among the claims: a link has the one to view, whatever else it says (RFC 7519, section 4). */
const claims = z.object({ exp: z.number(), sub: z.string(), jti: linkId });

/** Signs, reads and revokes links. */
export class LinkSigner {
  readonly #clock: Clock;
  readonly #holders = new Map<string, Set<() => void>>();
  #state: LinkState;
  #generation = 0;
  #store: LinkStore | undefined;

  constructor(clock: Clock, state: LinkState = newLinkState(), store?: LinkStore) {
    this.#clock = clock;
    this.#state = state;
    this.#store = store;
  }

  /** What is to be stored. */
  get state(): LinkState {
    return this.#state;
  }

  /** Stores changes from now on; undefined for nowhere. */
  set store(store: LinkStore | undefined) {
    this.#store = store;
  }

  /** A link to one stream. */
  async sign(stream: string, lifetime: Millis): Promise<Link> {
    const exp = Math.floor((this.#clock.now() + Math.min(lifetime, LONGEST_LINK)) / 1000);
    const id = randomBytes(ID_BYTES).toString("base64url");
    const token = await new SignJWT({ sub: stream, jti: id, exp })
      .setProtectedHeader({ alg: "HS256" })
      .sign(this.#key);
    return { token, id, until: (exp * 1000) as EpochMs };
  }

  /** What the link grants: `expired` where it has ended, `wrong` where it is none of this server's. */
  async read(token: string): Promise<LinkGrant | "wrong" | "expired"> {
    const options = { algorithms: ["HS256"], currentDate: new Date(this.#clock.now()) };
    const generation = this.#generation;
    try {
      const { payload } = await jwtVerify(token, this.#key, options);
      const { exp, sub, jti } = claims.parse(payload);
      const link = { id: jti, stream: sub, until: (exp * 1000) as EpochMs, generation };
      return this.#isRevoked(link) ? "expired" : link;
    } catch (error) {
      return error instanceof errors.JWTExpired ? "expired" : "wrong";
    }
  }

  /** Runs it once when the link is revoked, also where it was before. */
  whenRevoked(link: LinkGrant, run: () => void): Cancel {
    if (this.#isRevoked(link)) return this.#clock.after(0, run);
    const { id } = link;
    const holders = this.#holders.get(id) ?? new Set();
    this.#holders.set(id, holders);
    const holder = () => run();
    holders.add(holder);
    return () => {
      holders.delete(holder);
      if (holders.size === 0) this.#holders.delete(id);
    };
  }

  /**
   * Revokes all links: a new random key signs those from now on.
   * @returns whether that is stored, so that the links stay revoked.
   */
  async revokeAll(): Promise<boolean> {
    this.rotate(this.#state.rotations + 1);
    return this.#keep(true);
  }

  /**
   * Revokes one link.
   * @returns as {@link revokeAll}; undefined where no more can be revoked one by one.
   */
  async revoke(id: string): Promise<boolean | undefined> {
    const now = this.#clock.now();
    const others = this.#state.revoked.filter((one) => one.until > now && one.id !== id);
    if (others.length >= MAX_REVOKED) return undefined;
    this.#take({ ...this.#state, revoked: [...others, { id, until: now + LONGEST_LINK }] });
    return this.#keep(false);
  }

  /** Replaces the key. */
  rotate(rotations: number): void {
    this.#take(newLinkState(rotations));
  }

  /** Takes over what another server has: the newer key, or the links that it has revoked. */
  adopt(theirs: LinkState): void {
    const ours = this.#state;
    if (theirs.rotations < ours.rotations) return;
    if (theirs.rotations > ours.rotations || theirs.key !== ours.key) {
      this.#take(theirs);
      return;
    }
    const known = new Set(ours.revoked.map(({ id }) => id));
    const news = theirs.revoked.filter(({ id }) => !known.has(id));
    if (news.length > 0) this.#take({ ...ours, revoked: [...ours.revoked, ...news].slice(0, MAX_REVOKED) });
  }

  get #key(): Uint8Array {
    return Buffer.from(this.#state.key, "base64url");
  }

  #isRevoked({ id, generation }: LinkGrant): boolean {
    return generation !== this.#generation || this.#state.revoked.some((one) => one.id === id);
  }

  #take(state: LinkState): void {
    const isNewKey = state.key !== this.#state.key;
    this.#state = state;
    if (isNewKey) this.#generation++;
    const revoked = new Set(state.revoked.map(({ id }) => id));
    for (const [id, holders] of [...this.#holders]) {
      if (!isNewKey && !revoked.has(id)) continue;
      this.#holders.delete(id);
      for (const run of [...holders]) run();
    }
  }

  async #keep(rotated: boolean): Promise<boolean> {
    // Where nothing is stored, no start knows the key of before.
    return this.#store === undefined || (await this.#store.keep(this.#state, rotated));
  }
}
