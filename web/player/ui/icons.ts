/** Buttons with an icon, and a label for screen readers and tooltips. */

/** SVG paths on a grid of 24 by 24. */
export const ICONS = {
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M8.5 5.5v13 M15.5 5.5v13",
  statistics: "M4.5 19V11 M10 19V5 M15.5 19v-5 M21 19H3",
  snapshot: "M4 8h3.5L9 5.5h6L16.5 8H20v11H4z M12 16.5a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.4z",
  pictureInPicture: "M10 18.5H3.5v-13h17v6 M13.5 14.5h7v5h-7z",
  control:
    "M12 3.5v17 M3.5 12h17 M9.5 6L12 3.5 14.5 6 M9.5 18l2.5 2.5 2.5-2.5 M6 9.5L3.5 12 6 14.5 M18 9.5l2.5 2.5-2.5 2.5",
  fullscreen: "M4 9V4h5 M20 9V4h-5 M4 15v5h5 M20 15v5h-5",
  leaveFullscreen: "M9 4v5H4 M15 4v5h5 M9 20v-5H4 M15 20v-5h5",
} as const;

/** The name of an icon. */
export type Icon = keyof typeof ICONS;

const SVG = "http://www.w3.org/2000/svg";

/** A button with an icon, in {@link IconButton.element}. */
export class IconButton {
  readonly element = document.createElement("button");
  readonly #line = document.createElementNS(SVG, "path");
  #icon: Icon | undefined;

  constructor(icon: Icon, label: string, press: () => void) {
    const picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", "0 0 24 24");
    picture.setAttribute("aria-hidden", "true");
    picture.append(this.#line);
    this.element.type = "button";
    this.element.part = "button";
    this.element.append(picture);
    this.element.addEventListener("click", press);
    this.show(icon, label);
  }

  /** Changes the icon and the label. */
  show(icon: Icon, label: string): void {
    if (this.#icon !== icon) this.#line.setAttribute("d", ICONS[icon]);
    this.#icon = icon;
    if (this.element.ariaLabel === label) return;
    this.element.ariaLabel = label;
    this.element.title = label;
  }
}
