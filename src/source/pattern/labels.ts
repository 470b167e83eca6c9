/** Lays out the texts of the built-in scene. */
import { type Canvas, colour } from "./canvas.ts";
import { Font } from "./text.ts";

const BRIGHT = colour(236, 238, 242);
const QUIET = colour(146, 154, 168);

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Draws the texts in pictures of one size, and leaves `footer` rows at the bottom free. */
export class Labels {
  readonly #small: Font;
  readonly #large: Font;
  readonly #margin: number;
  readonly #frame: Box;
  readonly #gap: number;
  readonly #roomy: boolean;

  constructor(width: number, height: number, footer: number) {
    const scale = Math.max(1, Math.floor(Math.min(width / 480, height / 270)));
    this.#roomy = width >= 320 && height >= 180;
    this.#small = new Font(scale);
    this.#large = this.#roomy ? new Font(2 * scale) : this.#small;
    this.#margin = this.#roomy ? 14 * scale : 4;
    this.#gap = 7 * scale;
    this.#frame = { left: 0, top: 0, right: width, bottom: height - footer };
  }

  /** Draws the texts of one frame. Texts without room are omitted. `time` is in milliseconds since the Unix epoch. */
  draw(canvas: Canvas, frameNumber: number, time: number): void {
    const { left, top, right, bottom } = this.#frame;
    const taken: Box[] = [];
    /** Draws a text whose left or right end is at `x`, and its capitals between `y` and `y + ascent`. */
    const put = (font: Font, text: string, x: number, align: "left" | "right", y: number, ink: number) => {
      const start = align === "left" ? x : x - font.measure(text);
      const box = {
        left: start,
        top: y,
        right: start + font.measure(text),
        bottom: y + font.ascent + font.descent,
      };
      const inside = box.left > left && box.top > top && box.right < right && box.bottom < bottom;
      if (!inside || taken.some((other) => overlap(box, other))) return;
      taken.push(box);
      font.draw(canvas, text, start, y + font.ascent, ink);
    };
    const [small, large, margin] = [this.#small, this.#large, this.#margin];
    put(large, "rendercast", left + margin, "left", top + margin, BRIGHT);
    put(large, clockText(time), right - margin, "right", top + margin, BRIGHT);
    const foot = bottom - Math.max(margin - 2, small.descent + 1) - small.ascent;
    const numberTop = this.#roomy ? top + margin + large.ascent + this.#gap : foot;
    put(small, `frame ${frameNumber}`, right - margin, "right", numberTop, QUIET);
    put(small, "built-in scene: connect Blender to replace it", left + margin, "left", foot, QUIET);
  }
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/** Formats a time as HH:MM:SS.mmm in the local time zone. */
function clockText(time: number): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const seconds = `${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return `${two(date.getHours())}:${two(date.getMinutes())}:${seconds}`;
}
