/** The chart of the fan-out bench: CPU per packet over the number of viewers, one line per lane, log-log. */

/** One measurement. */
export interface Point {
  readonly viewers: number;
  readonly cpuPerPacket: number;
}

/** One lane. */
export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

const WIDTH = 720;
const HEIGHT = 380;
const MARGIN = { left: 56, right: 170, top: 40, bottom: 48 };
/** Distinguishable with colour blindness (Okabe and Ito). */
const COLOURS = ["#0072b2", "#56b4e9", "#d55e00", "#009e73"];
const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** Returns an SVG document that follows the reader's light or dark scheme. */
export function chart(title: string, lines: readonly Line[]): string {
  const points = lines.flatMap(({ points: all }) => all);
  const x = scale(
    points.map(({ viewers }) => viewers),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = scale(
    points.map(({ cpuPerPacket }) => cpuPerPacket),
    HEIGHT - MARGIN.bottom,
    MARGIN.top,
  );
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    "<style>text{fill:#333}.grid{stroke:#ddd}@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#444}}</style>",
    text(MARGIN.left, 22, title, 'font-size="15"'),
    text((MARGIN.left + WIDTH - MARGIN.right) / 2, HEIGHT - 10, "viewers", 'text-anchor="middle"'),
  ];
  for (const tick of x.ticks) {
    parts.push(grid(x.at(tick), MARGIN.top, x.at(tick), HEIGHT - MARGIN.bottom));
    parts.push(text(x.at(tick), HEIGHT - MARGIN.bottom + 18, String(tick), 'text-anchor="middle"'));
  }
  for (const tick of y.ticks) {
    parts.push(grid(MARGIN.left, y.at(tick), WIDTH - MARGIN.right, y.at(tick)));
    parts.push(text(MARGIN.left - 8, y.at(tick) + 4, String(tick), 'text-anchor="end"'));
  }
  const labels = spread(lines.map(({ points: all }) => y.at(all.at(-1)?.cpuPerPacket ?? 1)));
  for (const [n, { name, points: all }] of lines.entries()) {
    const colour = COLOURS[n % COLOURS.length];
    const path = all.map((point) => `${x.at(point.viewers)},${y.at(point.cpuPerPacket)}`).join(" ");
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2.5"/>`);
    for (const point of all)
      parts.push(
        `<circle cx="${x.at(point.viewers)}" cy="${y.at(point.cpuPerPacket)}" r="3.5" fill="${colour}"/>`,
      );
    parts.push(text(WIDTH - MARGIN.right + 12, (labels[n] ?? 0) + 4, name, `style="fill:${colour}"`));
  }
  return `${[...parts, "</svg>"].join("\n")}\n`;
}

/** A logarithmic scale, from the tick below the minimum to the tick above the maximum. */
function scale(values: readonly number[], from: number, to: number) {
  const low = TICKS.findLast((tick) => tick <= Math.min(...values)) ?? 1;
  const high = TICKS.find((tick) => tick >= Math.max(...values)) ?? 1000;
  const span = Math.log(Math.max(high, low * 2) / low);
  const at = (value: number) => Math.round((from + ((to - from) * Math.log(value / low)) / span) * 10) / 10;
  return { at, ticks: TICKS.filter((tick) => tick >= low && tick <= high) };
}

/** Moves overlapping labels apart. */
function spread(heights: readonly number[]): number[] {
  const order = heights.map((height, n) => ({ height, n })).sort((a, b) => a.height - b.height);
  for (const [n, label] of order.entries()) {
    const above = order[n - 1];
    if (above) label.height = Math.max(label.height, above.height + 16);
  }
  return heights.map((_, n) => order.find((label) => label.n === n)?.height ?? 0);
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x}" y="${y}" ${style}>${content}</text>`;
}

function grid(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" class="grid"/>`;
}
