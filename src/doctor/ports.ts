/** Whether the ports can be had. */
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { createServer } from "node:net";
import { text } from "node:stream/consumers";
import { systemClock } from "../timing.ts";
import { plainIo } from "../transport/io/plain.ts";
import { RtcPort } from "../transport/port.ts";
import type { Finding } from "./check.ts";

/** Free, or taken by a rendercast that runs, or by something else. */
export type PortState = "free" | "rendercast" | "taken";

export interface PortStates {
  readonly page: PortState;
  readonly video: PortState;
}

/** How long a server there may take to say what it is. */
const ANSWERS_WITHIN = 1500;

/** Where a port is to be had. */
export interface Place {
  /** The address to bind; undefined for every one of this machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/**
 * @param secure whether the page is by TLS.
 * @throws for an address of another machine.
 */
export async function portStates(page: Place, video: Place, secure: boolean): Promise<PortStates> {
  const [pageFree, videoFree] = await Promise.all([isFree(page), isVideoFree(video)]);
  if (pageFree) return { page: "free", video: videoFree ? "free" : "taken" };
  const runs = await isRendercast(page, secure);
  return { page: runs ? "rendercast" : "taken", video: videoFree ? "free" : runs ? "rendercast" : "taken" };
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

async function isRendercast({ host = "localhost", port }: Place, secure: boolean): Promise<boolean> {
  try {
    // Its certificate may well be for another name.
    const options = { host, port, timeout: ANSWERS_WITHIN, rejectUnauthorized: false };
    const request = secure ? https.get(options) : http.get(options);
    request.on("timeout", () => request.destroy(new Error("no answer")));
    const [answer] = await once(request, "response");
    return (await text(answer)).includes("<rendercast-player");
  } catch {
    return false;
  }
}

export function tellPorts({ page, video }: PortStates, ports: { page: number; video: number }): Finding {
  const named = `${ports.page} (TCP) and ${ports.video} (UDP and TCP)`;
  if (page === "taken") return { state: "bad", text: `${ports.page} is taken by another program` };
  if (video === "taken") return { state: "bad", text: `${ports.video} is taken by another program` };
  if (page === "rendercast") return { state: "good", text: `${named}: a rendercast runs there now` };
  return { state: "good", text: `${named} are free` };
}
