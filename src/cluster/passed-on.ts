/**
 * The signed header of a request that one server passes on to the server with the stream (decision 0021). The receiver
 * trusts only the signature, not the address that the request comes from.
 */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import type { Vouched } from "../access/proxies.ts";
import type { Clock, EpochMs } from "../base/clock.ts";

/** The header. Clients that send it themselves are refused. */
export const PASSED_ON = "rendercast-passed-on";

/** A request is passed on at once, and the sender converts to the receiver's clock. */
const MAX_AGE_SECONDS = 10;
const TOLERANCE_SECONDS = 5;

/** A server that takes passed-on requests. */
export interface Receiver {
  readonly id: string;
  /** The key that it announced by Redis, in base64url. */
  readonly key: string;
  /** The time of its clock. */
  now(): EpochMs;
}

const claims = z.object({
  request: z.string(),
  client: z.string().max(64).optional(),
  proto: z.enum(["http", "https"]),
});

/** Signs one request; the signature expires within seconds. @param path with the query, as it is sent. */
export function vouch(
  { id, key, now }: Receiver,
  { method, path, client, proto }: Vouched & { readonly method: string; readonly path: string },
): Promise<string> {
  const about = { request: lineOf(method, path), proto, ...(client !== undefined && { client }) };
  return new SignJWT(about)
    .setProtectedHeader({ alg: "HS256" })
    .setAudience(id)
    .setIssuedAt(Math.floor(now() / 1000))
    .sign(Buffer.from(key, "base64url"));
}

/** What {@link PassedOn} needs of the receiving server. */
export interface PassedOnOptions {
  /** The receiving server's id. */
  readonly self: string;
  readonly clock: Clock;
  /** Takes the client's address and scheme for the request with these headers. */
  readonly believe: (headers: IncomingHttpHeaders, vouched: Vouched) => void;
}

/** Recognizes requests that other servers pass on to this one. */
export class PassedOn {
  /** Other servers sign with it. They learn it by Redis, and it ends with this process. */
  readonly key = randomBytes(32).toString("base64url");
  readonly #options: PassedOnOptions;
  readonly #believed = new WeakSet<IncomingMessage>();

  constructor(options: PassedOnOptions) {
    this.#options = options;
  }

  /** Verifies the header, if there is one. Call it before anything changes the request's URL. */
  async read(request: IncomingMessage): Promise<void> {
    const { headers, method = "", url = "" } = request;
    const header = headers[PASSED_ON];
    if (typeof header !== "string") return;
    const { self, clock, believe } = this.#options;
    try {
      const { payload } = await jwtVerify(header, Buffer.from(this.key, "base64url"), {
        algorithms: ["HS256"],
        audience: self,
        maxTokenAge: MAX_AGE_SECONDS,
        clockTolerance: TOLERANCE_SECONDS,
        currentDate: new Date(clock.now()),
      });
      const said = claims.parse(payload);
      if (said.request !== lineOf(method, url)) return;
      this.#believed.add(request);
      believe(headers, { client: said.client, proto: said.proto });
    } catch {
      // {@link isForged} reports it.
    }
  }

  /** Whether another server passed the request on, with a valid signature. */
  has(request: IncomingMessage): boolean {
    return this.#believed.has(request);
  }

  /** Whether the request has the header without a valid signature. */
  isForged(request: IncomingMessage): boolean {
    return PASSED_ON in request.headers && !this.has(request);
  }
}

function lineOf(method: string, path: string): string {
  return createHash("sha256").update(`${method} ${path}`).digest("base64url");
}
