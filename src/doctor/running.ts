/** A rendercast that runs where another would be started: known by its answers, and tried through them. */
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { Place } from "./ports.ts";

/** What it answers. */
export interface Running {
  readonly takesViewers: boolean;
  /** The status of a request for the stream's picture of now. */
  readonly picture: number;
}

/** How long it may take to say what it is. */
const ANSWERS_WITHIN = 1500;

/**
 * Undefined where something else is there, or nothing.
 * @param stream whose picture is asked for.
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

/** In a clause. */
export function tellRunning({ takesViewers, picture }: Running): string {
  if (!takesViewers) return "rendercast itself is running here, and takes no viewers: it starts or stops";
  const seen = SEEN[picture] ?? "but no picture of the stream comes";
  return `rendercast itself is running here and takes viewers, ${seen}`;
}

const SEEN: Readonly<Record<number, string>> = {
  200: "and its picture comes",
  401: "who need a token",
  404: "but has no stream of that name",
};

async function ask(
  { host = "localhost", port }: Place,
  secure: boolean,
  path: string,
): Promise<http.IncomingMessage | undefined> {
  try {
    // Its certificate may well be for another name.
    const options = { host, port, path, agent: false, timeout: ANSWERS_WITHIN, rejectUnauthorized: false };
    const request = secure ? https.get(options) : http.get(options);
    request.on("timeout", () => request.destroy(new Error("no answer")));
    const [answer] = (await once(request, "response")) as [http.IncomingMessage];
    answer.resume();
    return answer;
  } catch {
    return undefined;
  }
}
