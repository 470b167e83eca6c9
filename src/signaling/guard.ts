/** Adapts the server's access rules to signaling. */
import { askerOf } from "../access/asker.ts";
import { clientKey, type Guard } from "../access/guard.ts";
import { pageRefusal } from "../access/origins.ts";
import type { Right } from "../access/tokens.ts";
import type { SignalingGuard } from "./socket.ts";

/**
 * Makes the guard of all sockets.
 * @param embedFrom origins of pages that may show the streams, as {@link pageRefusal} takes them.
 */
export function signalingGuard(
  { access, proxies, gate }: Guard,
  embedFrom: readonly string[],
): SignalingGuard {
  const may =
    (right: Right): SignalingGuard["mayView"] =>
    async (request, token, stream) => {
      const asker = askerOf(request);
      // A socket lives for hours: its token is checked each time.
      const given = typeof token === "string" ? { ...asker, token, inAddress: false } : { ...asker };
      const verdict = await access.mayDo(given, right, stream);
      return verdict.granted ? verdict : { why: verdict.message };
    };
  return {
    gate,
    refuses: (request) =>
      pageRefusal(request.headers, embedFrom, { pictures: false }) ?? access.misnamed(askerOf(request)),
    addressOf: (request) => clientKey(proxies, request),
    mayView: may("view"),
    mayControl: may("control"),
  };
}
