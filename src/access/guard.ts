/** Builds the access rules and rate limits of a server from its options. */

import type { IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { ANY_AUDIENCE } from "../config/options.ts";
import { addressKey } from "../network/ip.ts";
import { Access } from "./access.ts";
import { type Gate, requestGate } from "./address-limits.ts";
import { Hosts } from "./hosts.ts";
import { linkSignerOf } from "./link-file.ts";
import { LinkSigner } from "./link-signer.ts";
import { Proxies, senderOf } from "./proxies.ts";
import { rightsOfThisMachine } from "./trust-this-machine.ts";

/** The access rules and rate limits of a server. */
export interface Guard {
  readonly access: Access;
  readonly links: LinkSigner;
  readonly proxies: Proxies;
  /** The rate limit of all requests. */
  readonly gate: Gate;
  /** The rate limit of `/healthz` and `/readyz`. */
  readonly checks: Gate;
}

/**
 * Builds a server's guard.
 * @param own the token of the Blender that this server starts; undefined if it starts none.
 */
export function guardOf(
  config: Config,
  { clock, own, log }: { clock: Clock; own: string | undefined; log: Log },
): Guard {
  const { publishToken: publish, viewToken: view, operateToken: operate, jwtSecret, jwks, host } = config;
  const { controlToken: control } = config;
  const { jwtIssuer, jwtAudience = ANY_AUDIENCE } = config;
  const secrets = {
    ...(publish !== undefined && { publish }),
    ...(view !== undefined && { view }),
    ...(operate !== undefined && { operate }),
    ...(control !== undefined && { control }),
  };
  const proxies = new Proxies(config.trustProxy ?? [], (proxy) =>
    log(
      `A proxy at ${proxy} forwards requests. Start rendercast with --trust-proxy ${proxy}, so that limits count its clients separately.`,
      { level: "warn" },
    ),
  );
  const { publicHost = [], announce = [], embedFrom = [] } = config;
  const names = [...publicHost, ...announce.map((one) => one.host)];
  const hosts = embedFrom.includes("*") ? undefined : new Hosts({ names, proxies });
  const isClosed = view !== undefined || jwtSecret !== undefined || jwks !== undefined;
  const isAlone = config.redis === undefined;
  const links = isClosed && isAlone ? linkSignerOf(config, clock, log) : new LinkSigner(clock);
  const access = new Access({
    ...{ clock, secrets, jwtSecret, jwks, jwtIssuer, links, own, host, proxies, hosts, log },
    jwtAudience: jwtAudience === ANY_AUDIENCE ? undefined : jwtAudience,
    here: rightsOfThisMachine(config),
  });
  return {
    access,
    links,
    proxies,
    gate: requestGate(clock, proxies),
    checks: requestGate(clock, proxies, "checks"),
  };
}

/** The key by which limits count the request's client, see {@link addressKey}. */
export function clientKey(proxies: Proxies, request: IncomingMessage): string {
  return addressKey(proxies.clientOf(senderOf(request)));
}
