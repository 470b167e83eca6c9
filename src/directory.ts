/** All broadcasts by name. */
import type { Broadcast } from "./broadcast.ts";

export class Directory {
  readonly #broadcasts = new Map<string, Broadcast>();

  add(broadcast: Broadcast): void {
    this.#broadcasts.set(broadcast.name, broadcast);
  }

  find(name: string): Broadcast | undefined {
    return this.#broadcasts.get(name);
  }

  all(): Broadcast[] {
    return [...this.#broadcasts.values()];
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((broadcast) => broadcast.close()));
  }
}
