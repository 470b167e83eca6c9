/** What programs on this machine may do without a token, by `--trust-this-machine`. */
import type { Config } from "../config/config.ts";
import type { Right } from "./tokens.ts";

type TrustOptions = Pick<
  Config,
  | "trustThisMachine"
  | "trustProxy"
  | "publishToken"
  | "operateToken"
  | "control"
  | "controlToken"
  | "viewToken"
  | "jwtSecret"
  | "jwks"
  | "ingestSocket"
>;

/**
 * The rights of this machine over TCP without a token. A proxy here that adds no headers looks like a local program: so
 * by default, a right that needs a token elsewhere needs it here too. Operators make links to watch by, so a view token
 * is required of them too.
 */
export function rightsOfThisMachine(config: TrustOptions): readonly Right[] {
  const {
    trustThisMachine,
    trustProxy = [],
    publishToken,
    operateToken,
    control,
    controlToken,
    viewToken,
    jwtSecret,
    jwks,
  } = config;
  const controlled = control === "off" ? [] : (["control"] as const);
  if (trustThisMachine !== "auto")
    return trustThisMachine === "on" ? ["publish", "operate", ...controlled] : [];
  const isSigned = jwtSecret !== undefined || jwks !== undefined;
  if (isSigned || trustProxy.length > 0) return [];
  return [
    ...(publishToken === undefined ? (["publish"] as const) : []),
    ...(operateToken === undefined && viewToken === undefined ? (["operate"] as const) : []),
    ...(controlToken === undefined && viewToken === undefined ? controlled : []),
  ];
}

/** The log line at startup that says which rights need no token. */
export function tellThisMachine(config: TrustOptions): string {
  const rights = rightsOfThisMachine(config);
  if (rights.length > 0) {
    return `This machine may ${new Intl.ListFormat("en").format(rights)} without a token. So may everybody behind a proxy or tunnel on it that adds no headers. To require a token, start with --trust-this-machine off.`;
  }
  const exception = config.ingestSocket === undefined ? "" : ", except over the Unix socket";
  return `Publishing and operating need a token, on this machine too${exception}. To trust this machine, start with --trust-this-machine on.`;
}
