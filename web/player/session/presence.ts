/** Whether anybody can see the player: who scrolled on or went to another tab is sent nothing. */
import type { Cancel, Timers } from "../playback/timers.ts";

/** How long nobody can see it before it counts as unseen: a glance elsewhere shall not interrupt the picture. */
export const UNSEEN_AFTER = 3000;

/** Seen at once, unseen only after a while. */
export class Presence {
  readonly #timers: Timers;
  readonly #changed: () => void;
  #seen: boolean;
  #stop: Cancel | undefined;

  /** @param seen how it is now; from then on {@link Presence.set} tells. */
  constructor(timers: Timers, seen: boolean, changed: () => void) {
    this.#timers = timers;
    this.#seen = seen;
    this.#changed = changed;
  }

  get seen(): boolean {
    return this.#seen;
  }

  set(visible: boolean): void {
    if (visible) this.close();
    if (visible === this.#seen || this.#stop) return;
    if (visible) this.#become(true);
    else this.#stop = this.#timers.after(UNSEEN_AFTER, () => this.#become(false));
  }

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

/** Tells whenever the element comes into sight or goes out of it: by scrolling, or with its tab. */
export function watchVisibility(element: Element, changed: (visible: boolean) => void): Cancel {
  // Until the browser has told, it is where it belongs.
  let onScreen = true;
  const tell = () => changed(onScreen && !document.hidden);
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries.at(-1)?.isIntersecting ?? onScreen;
    tell();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", tell);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}
