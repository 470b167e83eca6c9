/** The STUN and TURN servers that viewers are given, with credentials that end by themselves. */
import { createHmac, randomBytes } from "node:crypto";
import type { Clock, EpochMs, Millis } from "../base/clock.ts";
import type { IceConfiguration, IceServer } from "../shared/protocol.ts";

export interface IceOptions {
  /** RFC 7064 for STUN, RFC 7065 for TURN. */
  readonly iceServers: readonly string[] | undefined;
  /** Shared with the TURN servers; before {@link turnUser}. */
  readonly turnSecret: string | undefined;
  /** The same for every viewer, where the TURN servers know no shared secret. */
  readonly turnUser: TurnCredentials | undefined;
  /** Whether viewers may come by TURN alone. */
  readonly relayOnly: boolean;
}

export interface TurnCredentials {
  readonly username: string;
  readonly credential: string;
}

/** A page that is still there asks for new ones as it restarts ICE. */
const VALID_FOR: Millis = 3_600_000;

const STUN_URL = /^stuns?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/i;
const TURN_URL = /^turns?:(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?(\?transport=(udp|tcp))?$/i;

export const isStunUrl = (url: string): boolean => STUN_URL.test(url);
export const isTurnUrl = (url: string): boolean => TURN_URL.test(url);

/** Makes what the next viewer is given, when it is asked to: by signaling, and by WHEP as Link headers. */
export function iceConfiguration(options: IceOptions, clock: Clock): () => IceConfiguration {
  const { iceServers = [], relayOnly } = options;
  return () => {
    const credentials = turnCredentials(options, clock.now());
    const given = iceServers.map(
      (urls): IceServer => (isTurnUrl(urls) ? { urls, ...credentials } : { urls }),
    );
    return { iceServers: given, ...(relayOnly && { iceTransportPolicy: "relay" }) };
  };
}

/** Credentials for the TURN servers; undefined where none are known. */
export function turnCredentials(
  { turnSecret, turnUser }: Pick<IceOptions, "turnSecret" | "turnUser">,
  now: EpochMs,
  validFor = VALID_FOR,
): TurnCredentials | undefined {
  if (turnSecret === undefined) return turnUser;
  // The TURN REST API's (draft-uberti-behave-turn-rest-00, section 2.2), which coturn calls `use-auth-secret`.
  const username = `${Math.ceil((now + validFor) / 1000)}:${randomBytes(6).toString("hex")}`;
  return { username, credential: createHmac("sha1", turnSecret).update(username).digest("base64") };
}
