// A program that publishes: a hand that turns on a dial, with its angle as the data of each frame.
// Run it with `npm install rendercast && node dial.mjs`, then open the address that it prints.
import { startRendercast } from "rendercast";

const SIZE = 240;
const FPS = 20;

const rendercast = await startRendercast({ port: Number(process.env.PORT ?? 8080), host: "127.0.0.1" });
const { stream } = rendercast;
console.log(`Watch at ${rendercast.url}`);

stream.on("viewer-joined", ({ id, transport }) => console.log(`Viewer ${id} joined by ${transport}.`));
stream.on("viewer-left", ({ id }) => console.log(`Viewer ${id} left.`));
stream.on("state", ({ kind }) => console.log(`The stream is ${kind}.`));

let angle = 0;
const drawing = setInterval(() => {
  angle = (angle + 6) % 360;
  const frame = { format: "rgb", width: SIZE, height: SIZE, data: draw(angle) };
  stream.push(frame, { angle, turning: true });
}, 1000 / FPS);

process.once("SIGINT", async () => {
  clearInterval(drawing);
  stream.end();
  await rendercast.close();
});

/** Draws the dial: packed RGB, three bytes a pixel, from the top down. */
function draw(degrees) {
  const data = new Uint8Array(SIZE * SIZE * 3).fill(40);
  const radians = (degrees * Math.PI) / 180;
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const [right, up] = [x - SIZE / 2, SIZE / 2 - y];
      // How far along the hand the pixel is, and how far beside it.
      const along = right * Math.sin(radians) + up * Math.cos(radians);
      const beside = Math.abs(right * Math.cos(radians) - up * Math.sin(radians));
      if (along > 0 && along < SIZE * 0.4 && beside < 4) data.set([255, 180, 60], (y * SIZE + x) * 3);
    }
  }
  return data;
}
