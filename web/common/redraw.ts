/** When to draw: with the next frame of the screen, or less often if the user prefers reduced motion. */

const REDUCED_MOTION_INTERVAL_MS = 500;

/** Draws at most once per frame of the screen, and not at all while the page is hidden. */
export class Redraw {
  readonly #draw: () => void;
  readonly #reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  #due = false;
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** @param draw is called for each drawing. */
  constructor(draw: () => void) {
    this.#draw = draw;
  }

  /** Something new has to be drawn. */
  request(): void {
    if (this.#due) return;
    this.#due = true;
    const wait = this.#reducedMotion.matches
      ? this.#drawnAt + REDUCED_MOTION_INTERVAL_MS - performance.now()
      : 0;
    if (wait > 0) setTimeout(() => this.#onNextFrame(), wait);
    else this.#onNextFrame();
  }

  #onNextFrame(): void {
    requestAnimationFrame((time) => {
      this.#due = false;
      this.#drawnAt = time;
      this.#draw();
    });
  }
}
