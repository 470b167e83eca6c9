/** uPlot, for every language of the system. */
import "./language.ts";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export { uPlot };
