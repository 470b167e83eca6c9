/** A limited number of places for keys that come and go. */

interface Taken<V> {
  readonly value: V;
  seenAt: number;
}

/** First come, first served; a key that has not been seen for a while makes room. */
export class Places<V> {
  readonly #capacity: number;
  readonly #keptFor: number;
  readonly #make: () => V;
  readonly #taken = new Map<string, Taken<V>>();

  constructor(capacity: number, keptFor: number, make: () => V) {
    this.#capacity = capacity;
    this.#keptFor = keptFor;
    this.#make = make;
  }

  /** The key's place, taken now if there is room; undefined where there is none. */
  take(key: string, now: number): V | undefined {
    const taken = this.#taken.get(key) ?? this.#settle(key, now);
    if (taken) taken.seenAt = now;
    return taken?.value;
  }

  leave(key: string): void {
    this.#taken.delete(key);
  }

  /** Makes room: the keys that were not seen for long leave. */
  expire(now: number): void {
    for (const [key, { seenAt }] of this.#taken) {
      if (now - seenAt >= this.#keptFor) this.#taken.delete(key);
    }
  }

  /** In the order in which the keys came. */
  *[Symbol.iterator](): Generator<{ readonly key: string; readonly value: V; readonly seenAt: number }> {
    for (const [key, { value, seenAt }] of this.#taken) yield { key, value, seenAt };
  }

  #settle(key: string, now: number): Taken<V> | undefined {
    if (this.#taken.size >= this.#capacity) return undefined;
    const taken = { value: this.#make(), seenAt: now };
    this.#taken.set(key, taken);
    return taken;
  }
}
