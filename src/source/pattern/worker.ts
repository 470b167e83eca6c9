/** The built-in scene's worker thread: draws frames on demand, and transfers them to the owner. */
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../base/clock.ts";
import type { WorkerOrder, WorkerReport, WorkerSetup } from "./messages.ts";
import { Pace } from "./pace.ts";
import { Scene } from "./scene.ts";

/** Frames on their way to the owner. If there are more, the owner is too slow, and frames are skipped. */
const MAX_PENDING_FRAMES = 2;

if (!parentPort) throw new Error("Run the built-in scene's worker in a worker thread.");
const owner = parentPort;
const { width, height, fps, firstNumber, taken }: WorkerSetup = workerData;
const scene = new Scene(width, height);
let number = firstNumber;
let skipped = 0;
let timer: NodeJS.Timeout | undefined;

owner.on("message", ({ draw }: WorkerOrder) => {
  clearTimeout(timer);
  timer = undefined;
  if (draw) run(new Pace(systemClock.now(), fps));
});
report({ kind: "ready" });

/** Draws now and at each deadline, until the timer is cleared. */
function run(pace: Pace): void {
  if (number - Atomics.load(taken, 0) > MAX_PENDING_FRAMES) skipped++;
  else drawFrame();
  const now = systemClock.now();
  skipped += pace.advance(now);
  timer = setTimeout(run, pace.wait(now), pace);
}

function drawFrame(): void {
  const pixels = new Int32Array(width * height);
  scene.draw(pixels, { frameNumber: number, time: systemClock.now() });
  const captured = systemClock.now();
  report({ kind: "frame", number, captured, pixels: pixels.buffer, skipped }, [pixels.buffer]);
  number++;
  skipped = 0;
}

function report(message: WorkerReport, handOver: ArrayBuffer[] = []): void {
  owner.postMessage(message, handOver);
}
