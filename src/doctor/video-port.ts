/** Joins a running server as a viewer would, and checks by STUN whether its video port answers. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { isIPv6 } from "node:net";
import { text } from "node:stream/consumers";
import type { Millis } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { machineAddresses } from "../network/machine-addresses.ts";
import { hostPort } from "../shared/host-port.ts";
import { ATTRIBUTE, METHOD, readMessage, SUCCESS, writeMessage } from "../transport/stun/message.ts";
import { type Finding, within } from "./check.ts";
import type { Place } from "./running.ts";

const ANSWER_TIMEOUT: Millis = 3000;

/** Between the checks to one address; UDP may lose one. */
const RETRY_INTERVAL: Millis = 300;
const CHECKS = 4;

const PRIORITY = 0x0024;

/** A viewer's offer (RFC 8866): enough for an answer, and never connected. */
const OFFER = [
  "v=0",
  "o=- 1 1 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:doctor",
  `a=ice-pwd:${randomBytes(12).toString("hex")}`,
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => "00").join(":")}`,
  "a=setup:actpass",
  "a=mid:0",
  "a=recvonly",
  "a=rtcp-mux",
  "a=rtpmap:96 VP8/90000",
  "a=rtpmap:97 H264/90000",
  "a=fmtp:97 packetization-mode=1;profile-level-id=42e01f",
  "a=rtpmap:98 AV1/90000",
  "",
].join("\r\n");

interface Candidate {
  readonly ip: string;
  readonly port: number;
}

/**
 * Checks the video port of the server at `place`.
 * @param expected the port that the options name.
 */
export async function checkVideoPort(
  place: Place,
  expected: number,
  { name: stream, viewToken, tlsCert }: Pick<Config, "name" | "viewToken" | "tlsCert">,
): Promise<Finding> {
  const path = `/streams/${encodeURIComponent(stream)}/whep`;
  const authorization = viewToken === undefined ? {} : { Authorization: `Bearer ${viewToken}` };
  const send = (method: string, at: string, body?: string) =>
    ask({ ...place, secure: tlsCert !== undefined, method, path: at, headers: authorization }, body);
  const answer = await send("POST", path, OFFER).catch(() => undefined);
  if (answer?.status === 401)
    return { state: "note", text: "not tested: viewers need a token, give it with --view-token" };
  if (answer?.status !== 201)
    return {
      state: "note",
      text: `not tested: the server lets nobody join now (${answer?.status ?? "no answer"})`,
    };
  try {
    return await checkCandidates(answer.body, expected);
  } finally {
    if (answer.location !== undefined) await send("DELETE", answer.location).catch(() => {});
  }
}

async function checkCandidates(sdp: string, expected: number): Promise<Finding> {
  const [, fragment = ""] = /^a=ice-ufrag:(\S+)/m.exec(sdp) ?? [];
  const [, password = ""] = /^a=ice-pwd:(\S+)/m.exec(sdp) ?? [];
  const own = new Set([...machineAddresses(), "127.0.0.1", "::1"]);
  const offered = [...sdp.matchAll(/^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host/gim)].map(
    ([, ip = "", port]) => ({ ip, port: Number(port) }),
  );
  const here = offered.filter(({ ip }) => own.has(ip));
  if (here.length === 0)
    return { state: "note", text: "not tested: the server offers no address of this machine" };
  const results = await Promise.all(
    here.map(async (one) => ({ ...one, works: await answers(one, `${fragment}:doctor`, password) })),
  );
  const dead = results.filter(({ works }) => !works).map(({ ip, port }) => hostPort(ip, port));
  const [first] = here;
  if (dead.length === 0 && first?.port === expected)
    return { state: "good", text: `${expected} answers over UDP` };
  if (dead.length === 0)
    return {
      state: "note",
      text: `${first?.port} answers over UDP; it is not ${expected}, which was in use when the server started`,
      change: `Open port ${first?.port} (UDP and TCP), or free ${expected} and restart the server.`,
    };
  return {
    state: "bad",
    text: `no answer over UDP at ${dead.join(", ")}`,
    change: `Allow UDP to port ${first?.port} in the firewall of this machine: viewers get video over TCP at best.`,
  };
}

/** Whether a connectivity check (RFC 8445, section 7.2.4) gets a response. */
async function answers({ ip, port }: Candidate, username: string, password: string): Promise<boolean> {
  const transaction = randomBytes(12);
  const attributes = [
    [ATTRIBUTE.username, Buffer.from(username)],
    [PRIORITY, Buffer.from([0, 0, 0, 1])],
  ] as const;
  const check = writeMessage(METHOD.binding, transaction, attributes, password);
  const socket = createSocket(isIPv6(ip) ? "udp6" : "udp4");
  socket.on("error", () => {});
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on("message", (datagram) => {
    const read = readMessage(datagram);
    if (read?.type === (METHOD.binding | SUCCESS) && read.transaction.equals(transaction)) resolve(true);
  });
  const send = () => socket.send(check, port, ip, () => {});
  send();
  const timer = setInterval(send, RETRY_INTERVAL);
  try {
    return await within(CHECKS * RETRY_INTERVAL, promise).catch(() => false);
  } finally {
    clearInterval(timer);
    socket.close();
  }
}

async function ask(
  {
    host = "localhost",
    secure,
    ...where
  }: Place & {
    readonly secure: boolean;
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  },
  body?: string,
): Promise<{ readonly status: number; readonly body: string; readonly location: string | undefined }> {
  const headers = { ...where.headers, ...(body !== undefined && { "Content-Type": "application/sdp" }) };
  // The certificate is usually for a public name, not for this address.
  const options = {
    ...where,
    host,
    headers,
    agent: false,
    timeout: ANSWER_TIMEOUT,
    rejectUnauthorized: false,
  };
  const request = secure ? https.request(options) : http.request(options);
  request.on("timeout", () => request.destroy(new Error("no answer")));
  request.end(body);
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer), location: answer.headers.location };
}
