/** A recording as an image: its plot, with the summary below. */
import { Chart, readColours } from "./chart.ts";
import { laneSummary, type Recording, summaryLine } from "./recording.ts";

/** Sizes in CSS pixels. */
const WIDTH = 1000;
const PLOT_HEIGHT = 320;
const MARGIN = 24;
const LINE = 20;

/** Draws a recording as PNG in the page's colours; undefined if the browser cannot encode it. */
export async function reportImage(recording: Recording): Promise<Blob | undefined> {
  const { from, to, lanes } = recording;
  const stage = document.createElement("div");
  stage.className = "offstage";
  document.body.append(stage);
  const label = (fromStart: number) => `${Number((fromStart / 1000).toFixed(1))} s`;
  const chart = new Chart(stage, { width: WIDTH - 2 * MARGIN, height: PLOT_HEIGHT }, label);
  chart.draw(lanes, from, to);
  // uPlot draws after the current task.
  await new Promise(requestAnimationFrame);

  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { alpha: false });
  if (!context) return undefined;
  const colours = readColours();
  const font = getComputedStyle(document.body).fontFamily;
  const [about = ""] = summaryLine({ ...recording, lanes: [] }).split(": ;");
  const height = 3 * MARGIN + LINE + PLOT_HEIGHT + lanes.length * LINE;
  const ratio = chart.canvas.width / (WIDTH - 2 * MARGIN);
  canvas.width = WIDTH * ratio;
  canvas.height = height * ratio;
  context.scale(ratio, ratio);
  context.fillStyle = colours.ground;
  context.fillRect(0, 0, WIDTH, height);
  context.textBaseline = "middle";
  context.fillStyle = colours.text;
  context.font = `600 14px ${font}`;
  context.fillText(about.replace(/: \.$/, ""), MARGIN, MARGIN + LINE / 2, WIDTH - 2 * MARGIN);
  const plotTop = MARGIN + LINE + 8;
  context.drawImage(chart.canvas, MARGIN, plotTop, WIDTH - 2 * MARGIN, PLOT_HEIGHT);
  context.font = `13px ${font}`;
  for (const [index, lane] of lanes.entries()) {
    const middle = plotTop + PLOT_HEIGHT + MARGIN / 2 + (index + 0.5) * LINE;
    context.fillStyle = colours[lane.lane];
    context.fillRect(MARGIN, middle - 5, 10, 10);
    context.fillStyle = colours.text;
    context.fillText(laneSummary(lane), MARGIN + 20, middle, WIDTH - 2 * MARGIN - 20);
  }
  chart.destroy();
  stage.remove();
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? undefined), "image/png"));
}
