/** Turns at what all streams share: whoever needed least the last time goes first, so that small pictures wait for no large ones. */
import type { Millis } from "../timing.ts";

interface Waiting {
  readonly cost: Millis;
  readonly go: () => void;
}

export class Slots {
  #free: number;
  readonly #waiting: Waiting[] = [];

  /** @param count how many at once. */
  constructor(count: number) {
    this.#free = count;
  }

  /** A turn at once; undefined where one has to wait. */
  takeNow(): (() => void) | undefined {
    if (this.#free === 0) return undefined;
    this.#free--;
    return this.#turn();
  }

  /**
   * Waits for a turn.
   * @param cost what it is likely to take.
   * @returns ends the turn; called again it does nothing.
   */
  async take(cost: Millis): Promise<() => void> {
    const now = this.takeNow();
    if (now) return now;
    await new Promise<void>((go) => this.#waiting.push({ cost, go }));
    return this.#turn();
  }

  #turn(): () => void {
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#pass();
    };
  }

  #pass(): void {
    const [first] = this.#waiting;
    if (!first) {
      this.#free++;
      return;
    }
    const next = this.#waiting.reduce((least, one) => (one.cost < least.cost ? one : least), first);
    this.#waiting.splice(this.#waiting.indexOf(next), 1);
    next.go();
  }
}
