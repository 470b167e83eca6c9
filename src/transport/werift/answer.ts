/**
 * Peer connections over werift, which does session descriptions, DTLS and data channels; packets and media take our own
 * path. It starts here: an offer comes in, a viewer and the answer go out.
 */
import type { Answer } from "../audience/audience.ts";
import { OfferError, type ViewerEvents } from "../audience/viewer.ts";
import { chooseFormat } from "../sdp/formats.ts";
import { CODECS } from "./connection.ts";
import { Peer, type PeerOptions, requireVideoOffer } from "./peer.ts";

/**
 * Answers a viewer's offer. The viewer accepts frames at once, and drops them until it is connected.
 * @throws {OfferError} if the offer is malformed, or has none of the codecs.
 */
export async function answerOffer(
  offer: string,
  options: PeerOptions,
  events: ViewerEvents,
): ReturnType<Answer> {
  requireVideoOffer(offer);
  const format = chooseFormat(offer, options.codecs);
  if (!format) {
    const names = options.codecs.map((codec) => CODECS[codec].name).join(" or ");
    throw new OfferError("no-common-codec", `This browser does not offer ${names} video.`);
  }
  const peer = new Peer(options, format, events);
  try {
    return { answer: await peer.answer(offer), viewer: peer };
  } catch (error) {
    peer.close("the offer could not be answered");
    throw new OfferError("bad-request", "The offer could not be read.", { cause: error });
  }
}
