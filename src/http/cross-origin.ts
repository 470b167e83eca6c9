/** Which web pages may read `/streams` (CORS, in the Fetch standard, section 3.3). */
import type { RequestHandler } from "express";
import { pageRefusal } from "../access/origins.ts";
import { sendText } from "./answers.ts";

/** @param embedFrom origins of pages that may show the streams, besides those that `mayEmbed` allows. */
export function crossOrigin(embedFrom: readonly string[]): RequestHandler {
  return (request, response, next) => {
    const { origin } = request.headers;
    response.vary("Origin");
    // Publishing depends on the sender's rights, not on the page.
    if (request.method === "POST") return next();
    const refusal = pageRefusal(request.headers, embedFrom, { pictures: true });
    if (refusal !== undefined) return sendText(response, 403, refusal);
    if (origin === undefined) return next();
    response.set({
      "Access-Control-Allow-Origin": origin,
      "Access-Control-Expose-Headers": "Retry-After, X-Frame-Number",
    });
    if (request.method !== "OPTIONS") return next();
    response.set({ "Access-Control-Allow-Headers": "Authorization", "Access-Control-Max-Age": "600" });
    response.status(204).end();
  };
}
