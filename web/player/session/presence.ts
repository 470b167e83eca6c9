/** Whether the player is visible: the server sends nothing to a player that is scrolled away or in a hidden tab. */
import type { Cancel, Timers } from "../playback/timers.ts";

/** A glance at another tab must not interrupt the picture. */
export const UNSEEN_DELAY_MS = 3000;

/** Counts as seen at once, and as unseen only after {@link UNSEEN_DELAY_MS}. */
export class Presence {
  readonly #timers: Timers;
  readonly #changed: () => void;
  #seen: boolean;
  #stop: Cancel | undefined;

  /** @param seen the state now; {@link Presence.set} changes it. */
  constructor(timers: Timers, seen: boolean, changed: () => void) {
    this.#timers = timers;
    this.#seen = seen;
    this.#changed = changed;
  }

  /** Whether the player counts as seen. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Takes whether the player is visible now. */
  set(visible: boolean): void {
    if (visible) this.close();
    if (visible === this.#seen || this.#stop) return;
    if (visible) this.#become(true);
    else this.#stop = this.#timers.after(UNSEEN_DELAY_MS, () => this.#become(false));
  }

  /** Cancels a pending change. */
  close(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #become(seen: boolean): void {
    this.#stop = undefined;
    this.#seen = seen;
    this.#changed();
  }
}

/** Calls `changed` when the element becomes visible or hidden, by scrolling or with its tab. */
export function watchVisibility(element: Element, changed: (visible: boolean) => void): Cancel {
  // Assume that it is on screen until the observer reports.
  let onScreen = true;
  const report = () => changed(onScreen && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? onScreen;
    report();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", report);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", report);
  };
}
