/** Checks whether the ports of the page and the video are free. */
import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "../base/clock.ts";
import { plainIo } from "../transport/io/plain.ts";
import { RtcPort } from "../transport/port/port.ts";
import type { Finding } from "./check.ts";
import { describeRunning, type Place, type Running, runningAt } from "./running.ts";

/** Free, or in use by a running rendercast, or in use by another program. */
export type PortState = "free" | "rendercast" | "taken";

/** The states of both ports. */
export interface PortStates {
  readonly page: PortState;
  readonly video: PortState;
  /** The rendercast on the port of the page, if there is one. */
  readonly running?: Running;
}

/**
 * Tries to bind both ports.
 * @param stream the name to look for on a rendercast that is already running.
 * @throws if an address does not belong to this machine, or a port needs more rights.
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
    return falseIfTaken(error);
  } finally {
    server.close();
  }
}

async function isVideoFree({ host, port }: Place): Promise<boolean> {
  try {
    (await RtcPort.open({ clock: systemClock, io: plainIo, host, port })).close();
    return true;
  } catch (error) {
    return falseIfTaken(error);
  }
}

/** False if the port is in use. @throws every other error. */
function falseIfTaken(error: unknown): false {
  if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
  throw error;
}

/** The line of the report on the ports. */
export function describePorts(
  { page, video, running }: PortStates,
  ports: { page: number; video: number },
): Finding {
  const named = `${ports.page} (TCP) and ${ports.video} (UDP and TCP)`;
  if (page === "taken") return { state: "bad", text: `${ports.page} is taken by another program` };
  if (video === "taken") return { state: "bad", text: `${ports.video} is taken by another program` };
  if (running) {
    const text =
      video === "free"
        ? `${ports.page}: ${describeRunning(running)}; its video uses another port than ${ports.video}`
        : `${named}: ${describeRunning(running)}`;
    return { state: running.takesViewers && video !== "free" ? "good" : "note", text };
  }
  return { state: "good", text: `${named} are free` };
}
