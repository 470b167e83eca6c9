/**
 * Simulcast from the sender's side (RFC 8853): several renditions of one picture in one media section. Each has a RID, which
 * its packets carry (RFC 8851 and 8852).
 */

import { SIMULCAST_STREAMS, type SimulcastStream } from "../../media/simulcast-streams.ts";
import { linesOf, sdpOf } from "./lines.ts";

const SSRC = /^a=ssrc(-group)?:/;

/**
 * Adds `count` renditions to an offer. Removes its SSRCs, as browsers do in offers with RIDs: servers learn the SSRCs from
 * the packets.
 */
export function offerSimulcast(offer: string, count: number): string {
  const streams = SIMULCAST_STREAMS.slice(0, count);
  return sdpOf([
    ...linesOf(offer).filter((line) => !SSRC.test(line)),
    "a=msid:rendercast video",
    ...streams.map(({ rid }) => `a=rid:${rid} send`),
    `a=simulcast:send ${streams.map(({ rid }) => rid).join(";")}`,
  ]);
}

/**
 * The renditions that the answer accepts of the `count` offered: without those that it omits or pauses (RFC 8853, section
 * 5.1), and the first of alternatives. Empty if the answer has no simulcast.
 */
export function acceptedStreams(answer: string, count: number): readonly SimulcastStream[] {
  const lines = linesOf(answer);
  const named = new Set(lines.flatMap((line) => /^a=rid:(\S+) recv\b/.exec(line)?.[1] ?? []));
  const list = lines.map((line) => /^a=simulcast:.*?\brecv +(\S+)/.exec(line)?.[1]).find((found) => found);
  const wanted = new Set(
    // Some servers still write the `rid=` of an early draft.
    (list ?? "")
      .replace(/^rid=/, "")
      .split(";")
      .map((alternatives) => alternatives.split(",").find((rid) => !rid.startsWith("~") && named.has(rid))),
  );
  return SIMULCAST_STREAMS.slice(0, count).filter(({ rid }) => wanted.has(rid));
}

/** The answer without its simulcast attributes: werift would take them for streams to receive. */
export function withoutSimulcast(answer: string): string {
  return sdpOf(linesOf(answer).filter((line) => !/^a=(rid|simulcast):/.test(line)));
}
