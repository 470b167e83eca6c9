/** The STUN and TURN servers for viewers, with credentials that expire. */
import { createHmac, randomBytes } from "node:crypto";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import type { IceConfiguration, IceServer } from "../shared/protocol.ts";

/** The options for ICE servers. */
export interface IceOptions {
  /** URLs (RFC 7064 for STUN, RFC 7065 for TURN). */
  readonly iceServers: readonly string[] | undefined;
  /** Shared with the TURN servers. Takes precedence over {@link turnUser}. */
  readonly turnSecret: string | undefined;
  /** Fixed credentials for all viewers, for TURN servers without a shared secret. */
  readonly turnUser: TurnCredentials | undefined;
  /** Whether viewers must connect through TURN. */
  readonly relayOnly: boolean;
}

/** User name and password for a TURN server. */
export interface TurnCredentials {
  readonly username: string;
  readonly credential: string;
}

/** A page gets new credentials with every ICE restart. */
const CREDENTIAL_LIFETIME: Millis = 3_600_000;

const STUN_URL = /^stuns?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i;
const TURN_URL = /^turns?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/i;

/** Whether this is a `stun:` or `stuns:` URL. */
export const isStunUrl = (url: string): boolean => STUN_URL.test(url);
/** Whether this is a `turn:` or `turns:` URL. */
export const isTurnUrl = (url: string): boolean => TURN_URL.test(url);

/** Returns a function that makes the ICE settings for one viewer, with fresh credentials. */
export function iceConfiguration(options: IceOptions, clock: Clock): () => IceConfiguration {
  const { iceServers = [], relayOnly } = options;
  return () => {
    const credentials = turnCredentials(options, clock.now());
    const servers = iceServers.map(
      (urls): IceServer => (isTurnUrl(urls) ? { urls, ...credentials } : { urls }),
    );
    return { iceServers: servers, ...(relayOnly && { iceTransportPolicy: "relay" }) };
  };
}

/** Credentials for the TURN servers; undefined if the options have none. */
export function turnCredentials(
  { turnSecret, turnUser }: Pick<IceOptions, "turnSecret" | "turnUser">,
  now: EpochMs,
  validFor = CREDENTIAL_LIFETIME,
): TurnCredentials | undefined {
  if (turnSecret === undefined) return turnUser;
  // TURN REST API (draft-uberti-behave-turn-rest-00, section 2.2); coturn calls it `use-auth-secret`.
  const username = `${Math.ceil((now + validFor) / 1000)}:${randomBytes(6).toString("hex")}`;
  return { username, credential: createHmac("sha1", turnSecret).update(username).digest("base64") };
}
