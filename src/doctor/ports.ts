/** Checks whether the ports of the page and the video are free. */
import { once } from "node:events";
import { createServer } from "node:net";
import { systemClock } from "../base/clock.ts";
import { plainIo } from "../transport/io/plain.ts";
import { RtcPort } from "../transport/port/port.ts";
import type { Finding } from "./check.ts";
import { describeRunning, type Place, type Running, runningAt } from "./running.ts";

/** Free, or in use by a running rendercast, or in use by another program, or below 1024 without the right to it. */
export type PortState = "free" | "rendercast" | "taken" | "forbidden";

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
 * @throws if an address does not belong to this machine.
 */
export async function portStates(page: Place, video: Place, stream: string): Promise<PortStates> {
  const [pageState, videoState] = await Promise.all([stateOf(page), stateOfVideo(video)]);
  if (pageState !== "taken") return { page: pageState, video: videoState };
  const running = await runningAt(page, stream);
  if (!running) return { page: "taken", video: videoState };
  return { page: "rendercast", video: videoState === "taken" ? "rendercast" : videoState, running };
}

async function stateOf({ host, port }: Place): Promise<PortState> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    return "free";
  } catch (error) {
    return whyNotFree(error);
  } finally {
    server.close();
  }
}

async function stateOfVideo({ host, port }: Place): Promise<PortState> {
  try {
    (await RtcPort.open({ clock: systemClock, io: plainIo, host, port })).close();
    return "free";
  } catch (error) {
    return whyNotFree(error);
  }
}

/** @throws every error that is not about the port. */
function whyNotFree(error: unknown): PortState {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") return "taken";
  if (code === "EACCES") return "forbidden";
  throw error;
}

/**
 * The line of the report on the ports.
 * @param ports `videoMoves`: no option names the port of the video, so that the server takes another one if need be.
 */
export function describePorts(
  { page, video, running }: PortStates,
  ports: { page: number; video: number; videoMoves: boolean },
): Finding {
  const named = `${ports.page} (TCP) and ${ports.video} (UDP and TCP)`;
  if (page === "taken") return { state: "bad", text: `${ports.page} is taken by another program` };
  const forbidden = page === "forbidden" ? ports.page : video === "forbidden" ? ports.video : undefined;
  if (forbidden !== undefined)
    return {
      state: "bad",
      text: `${forbidden} needs a right that this user lacks: choose ports above 1023, or give the right CAP_NET_BIND_SERVICE`,
    };
  if (video === "taken") {
    const text = `${ports.video} is taken by another program`;
    if (!ports.videoMoves) return { state: "bad", text };
    return { state: "note", text: `${text}: the video will use another port; --rtc-port sets a fixed one` };
  }
  if (running) {
    const text =
      video === "free"
        ? `${ports.page}: ${describeRunning(running)}; its video uses another port than ${ports.video}`
        : `${named}: ${describeRunning(running)}`;
    return { state: running.takesViewers && video !== "free" ? "good" : "note", text };
  }
  return { state: "good", text: `${named} are free` };
}
