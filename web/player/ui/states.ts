/**
 * The custom states of the player, such as `:state(live)`. Safari before 17.4 and Chromium before 125 have none: there they
 * are words in the attribute `data-states`.
 */
export class States {
  readonly #host: HTMLElement;
  readonly #states: CustomStateSet | undefined;
  readonly #words = new Set<string>();

  /** @param states of the host's `ElementInternals`; undefined in older browsers. */
  constructor(host: HTMLElement, states: CustomStateSet | undefined) {
    this.#host = host;
    this.#states = CSS.supports("selector(:state(live))") ? states : undefined;
  }

  /** Sets or removes a state. */
  set(name: string, on: boolean): void {
    const set = this.#states ?? this.#words;
    if (on) set.add(name);
    else set.delete(name);
    if (!this.#states) this.#host.dataset.states = [...this.#words].join(" ");
  }

  /** A style sheet with `:state(NAME)`, as this browser understands it. */
  css(text: string): string {
    return this.#states ? text : text.replaceAll(/:state\((\w+)\)/g, '[data-states~="$1"]');
  }
}
