/** When to draw: with the screen's next frame, or calmly where the user asked for less motion. */

const CALM_EVERY = 500;

/** Draws at most once a screen's frame, and not at all while the page is hidden. */
export class Redraw {
  readonly #draw: () => void;
  readonly #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #due = false;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(draw: () => void) {
    this.#draw = draw;
  }

  /** There is something new to draw. */
  request(): void {
    if (this.#due) return;
    this.#due = true;
    const wait = this.#calm.matches ? this.#drawnAt + CALM_EVERY - performance.now() : 0;
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
