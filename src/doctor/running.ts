/** Recognizes a rendercast that is already running on the port, and asks it whether it works. */
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { Millis } from "../base/clock.ts";

/** A port of this machine. */
export interface Place {
  /** The address to bind; undefined for every address of this machine. */
  readonly host: string | undefined;
  readonly port: number;
}

/** What a running rendercast answered. */
export interface Running {
  readonly takesViewers: boolean;
  /** The HTTP status of a request for the current picture of the stream; 0 without an answer. */
  readonly picture: number;
}

const ANSWER_TIMEOUT: Millis = 1500;

/**
 * Asks the server at this port; undefined if it is not a rendercast.
 * @param stream the name of the stream to request a picture of.
 */
export async function runningAt(place: Place, stream: string): Promise<Running | undefined> {
  for (const secure of [false, true]) {
    const health = await ask(place, secure, "/healthz");
    if (health?.headers.server !== "rendercast") continue;
    const [ready, picture] = await Promise.all([
      ask(place, secure, "/readyz"),
      ask(place, secure, `/streams/${encodeURIComponent(stream)}/snapshot.jpg`),
    ]);
    return { takesViewers: ready?.statusCode === 200, picture: picture?.statusCode ?? 0 };
  }
  return undefined;
}

/** Describes it in a phrase. */
export function describeRunning({ takesViewers, picture }: Running): string {
  if (!takesViewers) return "rendercast is running here but accepts no viewers: it is starting or stopping";
  const stream = PICTURE_STATUS[picture] ?? "but the stream has no picture";
  return `rendercast is running here and accepts viewers, ${stream}`;
}

const PICTURE_STATUS: Readonly<Record<number, string>> = {
  200: "and the stream has a picture",
  401: "who need a token",
  404: "but has no stream of that name",
};

/** Asks this server by HTTP or HTTPS; undefined without an answer. */
export async function ask(
  { host = "127.0.0.1", port }: Place,
  secure: boolean,
  path: string,
): Promise<http.IncomingMessage | undefined> {
  try {
    // The certificate is usually for a public name, not for this address.
    const options = { host, port, path, agent: false, timeout: ANSWER_TIMEOUT, rejectUnauthorized: false };
    const request = secure ? https.get(options) : http.get(options);
    request.on("timeout", () => request.destroy(new Error("no answer")));
    const [answer] = (await once(request, "response")) as [http.IncomingMessage];
    answer.resume();
    return answer;
  } catch {
    return undefined;
  }
}
