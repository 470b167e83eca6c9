/** Refuses request targets that cannot be read (RFC 9112, section 3.2). Express would skip every middleware for them. */
import type { IncomingMessage, RequestListener } from "node:http";
import parseurl from "parseurl";
import type { Gate } from "../access/address-limits.ts";
import { ANSWER_HEADERS } from "../access/security-headers.ts";

const TEXT = "The address of the request cannot be read. Check it for typing errors.\n";

/**
 * Passes on requests with a readable target, and answers the others with 400.
 * @param gate counts the refused ones as requests of their client.
 */
export function requireReadableTarget(listener: RequestListener, gate: Gate): RequestListener {
  return (request, response) => {
    if (isReadable(request)) listener(request, response);
    else
      gate(request, response, () =>
        response
          .writeHead(400, {
            ...ANSWER_HEADERS,
            "Content-Type": "text/plain; charset=utf-8",
            Connection: "close",
          })
          .end(TEXT),
      );
  };
}

/** Express's own parser throws at targets that the standard one reads, as `http://%@a`. */
function isReadable(request: IncomingMessage): boolean {
  try {
    return parseurl(request) !== undefined && URL.canParse(request.url ?? "", "http://localhost");
  } catch {
    return false;
  }
}
