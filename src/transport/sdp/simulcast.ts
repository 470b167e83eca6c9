/**
 * Simulcast as its sender has it (RFC 8853): several renditions of one picture in one media section, told apart by a name in
 * their packets (RFC 8851 and 8852).
 */

import { SIMULCAST_STREAMS, type SimulcastStream } from "../../media/simulcast-streams.ts";

const SSRC = /^a=ssrc(-group)?:/;

/**
 * The offer with so many renditions. It names no SSRCs, as browsers' offers do not that have names: servers learn them from
 * the packets.
 */
export function offerSimulcast(offer: string, count: number): string {
  const streams = SIMULCAST_STREAMS.slice(0, count);
  return [
    ...linesOf(offer).filter((line) => !SSRC.test(line)),
    "a=msid:rendercast video",
    ...streams.map(({ rid }) => `a=rid:${rid} send`),
    `a=simulcast:send ${streams.map(({ rid }) => rid).join(";")}`,
  ]
    .map((line) => `${line}\r\n`)
    .join("");
}

/**
 * The renditions of so many that the answer takes: without those that it leaves out or pauses (RFC 8853, section 5.1), and of
 * alternatives the first. None where it does not take simulcast.
 */
export function acceptedStreams(answer: string, count: number): readonly SimulcastStream[] {
  const lines = linesOf(answer);
  const named = new Set(lines.flatMap((line) => /^a=rid:(\S+) recv\b/.exec(line)?.[1] ?? []));
  const list = lines.map((line) => /^a=simulcast:.*?\brecv +(\S+)/.exec(line)?.[1]).find((found) => found);
  const wanted = new Set(
    // What an early draft wrote before the list is still read by some.
    (list ?? "")
      .replace(/^rid=/, "")
      .split(";")
      .map((alternatives) => alternatives.split(",").find((rid) => !rid.startsWith("~") && named.has(rid))),
  );
  return SIMULCAST_STREAMS.slice(0, count).filter(({ rid }) => wanted.has(rid));
}

/** The answer without what tells of simulcast, which werift takes for streams to receive. */
export function withoutSimulcast(answer: string): string {
  return linesOf(answer)
    .filter((line) => !/^a=(rid|simulcast):/.test(line))
    .map((line) => `${line}\r\n`)
    .join("");
}

function linesOf(sdp: string): string[] {
  return sdp.split(/\r?\n/).filter((line) => line !== "");
}
