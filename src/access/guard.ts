/** All that stands between a request and the server, made from the options. */

import type { IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import { ANY_AUDIENCE, type Config } from "../config/config.ts";
import { addressKey } from "../network/ip.ts";
import { Access } from "./access.ts";
import { type Gate, requestGate } from "./address-limits.ts";
import { Hosts } from "./hosts.ts";
import { linkSignerOf } from "./link-file.ts";
import { LinkSigner } from "./link-signer.ts";
import { Proxies, senderOf } from "./proxies.ts";
import { rightsOfThisMachine } from "./trust-this-machine.ts";

export interface Guard {
  readonly access: Access;
  readonly links: LinkSigner;
  readonly proxies: Proxies;
  readonly gate: Gate;
  /** For `/healthz` and `/readyz`. */
  readonly checks: Gate;
}

/** @param own the token of the Blender that this server starts. */
export function guardOf(
  config: Config,
  { clock, own, log }: { clock: Clock; own: string | undefined; log: (line: string) => void },
): Guard {
  const { publishToken: publish, viewToken: view, operateToken: operate, jwtSecret, jwks, host } = config;
  const { jwtIssuer, jwtAudience = ANY_AUDIENCE } = config;
  const secrets = {
    ...(publish !== undefined && { publish }),
    ...(view !== undefined && { view }),
    ...(operate !== undefined && { operate }),
  };
  const proxies = new Proxies(config.trustProxy ?? [], (proxy) =>
    log(
      `Requests come through a proxy at ${proxy}: with --trust-proxy ${proxy} limits count its clients, not it.`,
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

/** What limits by address count the client of the request as. */
export function clientKey(proxies: Proxies, request: IncomingMessage): string {
  return addressKey(proxies.clientOf(senderOf(request)));
}
