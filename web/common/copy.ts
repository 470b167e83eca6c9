/** The clipboard, with TLS or without. */

/**
 * Copies what the field has. Only pages of secure origins have the clipboard for themselves; on others the text is marked,
 * and copied as by the keyboard, or left for the user to copy where the browser does not do that either.
 * @returns whether it is copied.
 */
export async function copied(field: HTMLTextAreaElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

/** What to do with a text that is marked and not copied: few words. A device without a mouse has no keyboard. */
export function howToCopy(): string {
  if (matchMedia("(pointer: coarse)").matches) return "Selected: copy it";
  return /Mac/.test(navigator.platform) ? "Press ⌘C" : "Press Ctrl+C";
}
