/** Shorthands for the DOM. */

/** Creates an element with a class and a text. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className = "",
  textContent = "",
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(name), { className, textContent });
}

/** Sets the text if it differs: every write to a live region is read out. */
export function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/**
 * The page's element with this id.
 * @throws {TypeError} if there is none, or it is of another type.
 */
export function byId<E extends HTMLElement>(id: string, type: new () => E): E {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new TypeError(`The page has no ${type.name} with id "${id}"`);
}
