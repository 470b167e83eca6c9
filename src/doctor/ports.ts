/** Whether the ports can be had. */
import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "../base/clock.ts";
import { plainIo } from "../transport/io/plain.ts";
import { RtcPort } from "../transport/port/port.ts";
import type { Finding } from "./check.ts";
import { type Running, runningAt, tellRunning } from "./running.ts";

/** Free, or taken by a rendercast that runs, or by something else. */
export type PortState = "free" | "rendercast" | "taken";

export interface PortStates {
  readonly page: PortState;
  readonly video: PortState;
  /** What the rendercast at the page's port answers, if there is one. */
  readonly running?: Running;
}

/** Where a port is to be had. */
export interface Place {
  /** The address to bind; undefined for every one of this machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * @param stream that a rendercast which runs there is asked for.
 * @throws for an address of another machine.
 */
export async function portStates(page: Place, video: Place, stream: string): Promise<PortStates> {
  const [pageFree, videoFree] = await Promise.all([isFree(page), isVideoFree(video)]);
  if (pageFree) return { page: "free", video: videoFree ? "free" : "taken" };
  const running = await runningAt(page, stream);
  if (!running) return { page: "taken", video: videoFree ? "free" : "taken" };
  return { page: "rendercast", video: videoFree ? "free" : "rendercast", running };
}

async function isFree({ host, port }: Place): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    return true;
  } catch (error) {
    return isTaken(error);
  } finally {
    server.close();
  }
}

async function isVideoFree({ host, port }: Place): Promise<boolean> {
  try {
    (await RtcPort.open({ clock: systemClock, io: plainIo, host, port })).close();
    return true;
  } catch (error) {
    return isTaken(error);
  }
}

/** False. @throws what is another error than that. */
function isTaken(error: unknown): false {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
  throw error;
}

export function tellPorts(
  { page, video, running }: PortStates,
  ports: { page: number; video: number },
): Finding {
  const named = `${ports.page} (TCP) and ${ports.video} (UDP and TCP)`;
  if (page === "taken") return { state: "bad", text: `${ports.page} is taken by another program` };
  if (video === "taken") return { state: "bad", text: `${ports.video} is taken by another program` };
  if (running) {
    const text =
      video === "free"
        ? `${ports.page}: ${tellRunning(running)}; its video has another port than ${ports.video}`
        : `${named}: ${tellRunning(running)}`;
    return { state: running.takesViewers && video !== "free" ? "good" : "note", text };
  }
  return { state: "good", text: `${named} are free` };
}
