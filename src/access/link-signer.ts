/** Signs share links with the server's own random key, and revokes them. */
import { randomBytes } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";

/** The longest lifetime of a link, and how long a revoked one is remembered. */
export const MAX_LINK_LIFETIME: Millis = 30 * 24 * 3_600_000;

const KEY_BYTES = 32;
const ID_BYTES = 12;

/** Links that can be revoked one by one. To revoke more, replace the key. */
const MAX_REVOKED = 10_000;

/** The syntax of a link's `id`. */
export const linkId = z.string().regex(/^[\w-]{16}$/, "an id that POST /streams/NAME/share answered with");

/** What makes a link valid: the stored state of a {@link LinkSigner}. */
export const linkState = z.object({
  /** The HS256 key, in base64url. */
  key: z.string().regex(/^[\w-]{43}$/),
  /** How often the key was replaced. The state with more rotations is the newer one. */
  rotations: z.int().min(0),
  /** Links that were revoked one by one, and when they would have expired. */
  revoked: z.array(z.object({ id: linkId, until: z.number() })).max(MAX_REVOKED),
});

/** The stored state of a {@link LinkSigner}. */
export type LinkState = z.output<typeof linkState>;

/** Storage that outlives the process. */
export interface LinkStore {
  /**
   * Stores the state.
   * @param rotated whether the key was replaced; false if a link was revoked.
   * @returns whether the state is stored.
   */
  keep(state: LinkState, rotated: boolean): Promise<boolean>;
}

/** A new link, which lets its holder watch one stream, and control it if it was made for that. */
export interface Link {
  readonly token: string;
  /** Identifies the link, to revoke it. It is not secret. */
  readonly id: string;
  readonly until: EpochMs;
}

/** What a link grants: the right to view one stream. */
export interface LinkGrant {
  readonly id: string;
  readonly stream: string;
  /** Whether it also grants the right to control the stream. */
  readonly control: boolean;
  readonly until: EpochMs;
  /** The number of the key that verified it, counted in this process. */
  readonly generation: number;
}

/** A state with a new random key. */
export function newLinkState(rotations = 0): LinkState {
  return { key: randomBytes(KEY_BYTES).toString("base64url"), rotations, revoked: [] };
}

/** Rights are not among the claims: a link only lets its holder view, and control if `ctl` is true (RFC 7519, section 4). */
const claims = z.object({ exp: z.number(), sub: z.string(), jti: linkId, ctl: z.literal(true).optional() });

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

  /** The state to store. */
  get state(): LinkState {
    return this.#state;
  }

  /** Where later changes are stored; undefined for nowhere. */
  set store(store: LinkStore | undefined) {
    this.#store = store;
  }

  /** Makes a link to one stream. A lifetime above {@link MAX_LINK_LIFETIME} is shortened to it. */
  async sign(stream: string, lifetime: Millis, control = false): Promise<Link> {
    const exp = Math.floor((this.#clock.now() + Math.min(lifetime, MAX_LINK_LIFETIME)) / 1000);
    const id = randomBytes(ID_BYTES).toString("base64url");
    const token = await new SignJWT({ sub: stream, jti: id, exp, ...(control && { ctl: true }) })
      .setProtectedHeader({ alg: "HS256" })
      .sign(this.#key);
    return { token, id, until: (exp * 1000) as EpochMs };
  }

  /** What the link grants; `expired` if it expired or was revoked, `wrong` if this server did not sign it. */
  async read(token: string): Promise<LinkGrant | "wrong" | "expired"> {
    const options = { algorithms: ["HS256"], currentDate: new Date(this.#clock.now()) };
    const generation = this.#generation;
    try {
      const { payload } = await jwtVerify(token, this.#key, options);
      const { exp, sub, jti, ctl: control = false } = claims.parse(payload);
      const link = { id: jti, stream: sub, control, until: (exp * 1000) as EpochMs, generation };
      return this.#isRevoked(link) ? "expired" : link;
    } catch (error) {
      return error instanceof errors.JWTExpired ? "expired" : "wrong";
    }
  }

  /** Calls `run` once when the link is revoked: soon, if it already is. */
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
   * Revokes all links: a new random key signs later ones.
   * @returns whether the change is stored, so that the links stay revoked after a restart.
   */
  async revokeAll(): Promise<boolean> {
    this.rotate(this.#state.rotations + 1);
    return this.#keep(true);
  }

  /**
   * Revokes one link.
   * @returns as {@link revokeAll}; undefined if no more links can be revoked one by one.
   */
  async revoke(id: string): Promise<boolean | undefined> {
    const now = this.#clock.now();
    const others = this.#state.revoked.filter((one) => one.until > now && one.id !== id);
    if (others.length >= MAX_REVOKED) return undefined;
    this.#take({ ...this.#state, revoked: [...others, { id, until: now + MAX_LINK_LIFETIME }] });
    return this.#keep(false);
  }

  /** Replaces the key, without storing it. */
  rotate(rotations: number): void {
    this.#take(newLinkState(rotations));
  }

  /** Takes over from a joined server its newer key, or the links that it revoked. */
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
    // Without storage, the key ends with the process, and revoked links with it.
    return this.#store === undefined || (await this.#store.keep(this.#state, rotated));
  }
}
