/** What programs on this machine may do without a token: what `--trust-this-machine` says, told at the start. */
import type { Config } from "../config/config.ts";
import type { Right } from "./tokens.ts";

type Wanted = Pick<
  Config,
  | "trustThisMachine"
  | "trustProxy"
  | "publishToken"
  | "operateToken"
  | "viewToken"
  | "jwtSecret"
  | "jwks"
  | "ingestSocket"
>;

/**
 * The rights that this machine has over TCP without a token. A proxy here that adds no header cannot be told from its
 * programs: so where somebody needs a token for a right, by default everybody does. Who operates makes links, which
 * let watch: so a token for viewing counts as one for operating.
 */
export function rightsOfThisMachine(config: Wanted): readonly Right[] {
  const {
    trustThisMachine,
    trustProxy = [],
    publishToken,
    operateToken,
    viewToken,
    jwtSecret,
    jwks,
  } = config;
  if (trustThisMachine !== "auto") return trustThisMachine === "on" ? ["publish", "operate"] : [];
  const isSigned = jwtSecret !== undefined || jwks !== undefined;
  if (isSigned || trustProxy.length > 0) return [];
  return [
    ...(publishToken === undefined ? (["publish"] as const) : []),
    ...(operateToken === undefined && viewToken === undefined ? (["operate"] as const) : []),
  ];
}

/** The line that tells it at the start. */
export function tellThisMachine(config: Wanted): string {
  const rights = rightsOfThisMachine(config);
  if (rights.length > 0) {
    return `This machine may ${rights.join(" and ")} without a token. So may everybody behind a proxy or tunnel on it that adds no headers: --trust-this-machine off ends that.`;
  }
  const socket = config.ingestSocket === undefined ? "" : ", except over the Unix socket";
  return `Publishing and operating take a token, on this machine too${socket} (--trust-this-machine on changes that).`;
}
