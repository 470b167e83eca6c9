/**
 * Baseline: Flask-style file polling over MJPEG. The render loop writes one JPEG and flag files. The server polls them
 * every 20 ms and, if the flag says that the picture is complete, sends it as a multipart part, which only the next part
 * closes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Latest } from "../../src/base/latest.ts";
import { encodeJpeg } from "../../src/encoder/image/jpeg.ts";
import type { RawFrame } from "../../src/media/frame.ts";
import { tappedPattern } from "../tapped.ts";

const POLL_MS = 20;
const silent = () => {};

/** The baseline, running. */
export interface PolledMjpeg {
  readonly url: string;
  /** When the pixels of each frame were complete, by frame number. */
  readonly captured: ReadonlyMap<number, number>;
  /** Lets the render loop run or pause. */
  demand(watched: boolean): void;
  close(): Promise<void>;
}

/**
 * Starts a render loop with the built-in scene, and the server that polls its files.
 * @param captured gets the time at which the pixels of each frame were complete.
 * @param also is called with each frame.
 */
export async function startPolledMjpeg(
  scene: { readonly width: number; readonly height: number; readonly fps: number },
  address: string,
  captured = new Map<number, number>(),
  also: (frame: RawFrame) => void = silent,
): Promise<PolledMjpeg> {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-bench-"));
  const write = fileLoop(folder);
  const source = tappedPattern(scene, captured, (frame) => {
    also(frame);
    write(frame);
  });
  await source.start({ frame: silent, state: silent, problem: silent });
  const server = pollingServer(folder);
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}`,
    captured,
    demand: (watched) => source.demand(watched),
    async close() {
      await source.close();
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The render loop: writes each frame to the folder as the original script does. */
function fileLoop(folder: string): (frame: RawFrame) => void {
  const flag = join(folder, "img_written.txt");
  const picture = join(folder, "img.jpg");
  const writing = new Latest<RawFrame>(async (frame) => {
    const jpeg = await encodeJpeg(frame);
    await writeFile(flag, "0");
    await writeFile(picture, jpeg);
    await writeFile(flag, "1");
  });
  return (frame) => writing.push(frame);
}

/** The server: `/` is an empty page, `/mjpeg` the stream. */
function pollingServer(folder: string): Server {
  return createServer((request, response) => {
    if (request.url === "/mjpeg") return stream(folder, response);
    response.setHeader("Content-Type", "text/html").end("<!doctype html>");
  });
}

function stream(folder: string, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "multipart/x-mixed-replace; boundary=frame" });
  let open = true;
  response.on("close", () => {
    open = false;
  });
  const poll = async () => {
    const flag = await readFile(join(folder, "img_written.txt"), "utf8").catch(() => "");
    if (flag.startsWith("1")) {
      const jpeg = await readFile(join(folder, "img.jpg"));
      response.write("--frame\r\nContent-Type: image/jpeg\r\n\r\n");
      response.write(jpeg);
      response.write("\r\n");
    }
    if (open) setTimeout(() => void poll(), POLL_MS);
  };
  void poll();
}
