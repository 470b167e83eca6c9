/** A limited number of places for keys that appear and disappear. */

interface Taken<V> {
  readonly value: V;
  seenAt: number;
}

/** First come, first served. A key that has not been seen for a while gives up its place. */
export class Places<V> {
  readonly #capacity: number;
  readonly #maxAge: number;
  readonly #make: () => V;
  readonly #taken = new Map<string, Taken<V>>();

  /**
   * @param maxAge milliseconds after which an unseen key loses its place.
   * @param make creates the value of a new place.
   */
  constructor(capacity: number, maxAge: number, make: () => V) {
    this.#capacity = capacity;
    this.#maxAge = maxAge;
    this.#make = make;
  }

  /** The key's place, or a new one; undefined if there is no room. */
  take(key: string, now: number): V | undefined {
    const taken = this.#taken.get(key) ?? this.#addPlace(key, now);
    if (taken) taken.seenAt = now;
    return taken?.value;
  }

  /** Gives up the place of the key. */
  leave(key: string): void {
    this.#taken.delete(key);
  }

  /** Gives up the places of keys that have not been seen for `maxAge`. */
  expire(now: number): void {
    for (const [key, { seenAt }] of this.#taken) {
      if (now - seenAt >= this.#maxAge) this.#taken.delete(key);
    }
  }

  /** In the order in which the keys appeared. */
  *[Symbol.iterator](): Generator<{ readonly key: string; readonly value: V; readonly seenAt: number }> {
    for (const [key, { value, seenAt }] of this.#taken) yield { key, value, seenAt };
  }

  #addPlace(key: string, now: number): Taken<V> | undefined {
    if (this.#taken.size >= this.#capacity) return undefined;
    const taken = { value: this.#make(), seenAt: now };
    this.#taken.set(key, taken);
    return taken;
  }
}
