/** Making elements, without repeating oneself. */

/** A new element. */
export function element(name: string, className = ""): HTMLElement {
  const created = document.createElement(name);
  created.className = className;
  return created;
}

/** Writes a text where it is another one. */
export function write(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}
