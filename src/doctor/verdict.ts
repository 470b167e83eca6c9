/** What a remote viewer will meet, and the one setting to change: by what the checks have found. */

import { BlockList, isIPv4 } from "node:net";
import type { Announcement } from "../network/announce.ts";
import { hostPort } from "../shared/host-port.ts";
import type { Finding } from "./check.ts";
import type { PortStates } from "./ports.ts";
import type { ServerAnswer } from "./servers.ts";

export interface Findings {
  readonly ports: { readonly page: number; readonly video: number };
  readonly states: PortStates;
  /** What it is told to listen on, if that is this machine alone. */
  readonly loopback: boolean;
  /** Of this machine. */
  readonly addresses: readonly string[];
  readonly announced: readonly Announcement[];
  /** Whether this machine is a container. */
  readonly container: boolean;
  readonly seen: readonly ServerAnswer[];
  readonly relays: readonly ServerAnswer[];
  /** Of what runs on this machine. */
  readonly programs: readonly Finding[];
}

export interface Verdict {
  /** For a viewer in the same network. */
  readonly near: string;
  /** For one elsewhere. */
  readonly far: string;
  /** The one thing to change; undefined where nothing needs to be. */
  readonly change: string | undefined;
}

/** Addresses that mean nothing outside their network (RFC 1918, RFC 6598, RFC 3927, RFC 4193). */
const PRIVATE = new BlockList();
for (const [net, bits] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["127.0.0.0", 8],
] as const)
  PRIVATE.addSubnet(net, bits, "ipv4");
for (const [net, bits] of [
  ["fc00::", 7],
  ["fe80::", 10],
  ["::1", 128],
] as const)
  PRIVATE.addSubnet(net, bits, "ipv6");

export function isPrivate(ip: string): boolean {
  return PRIVATE.check(ip, isIPv4(ip) ? "ipv4" : "ipv6");
}

/** What the NAT in front of this machine does; undefined where no server told. */
export function natOf(
  seen: readonly ServerAnswer[],
  addresses: readonly string[],
): { readonly outer: string; readonly kind: "none" | "steady" | "changing" } | undefined {
  const told = seen.flatMap((answer) => ("address" in answer ? [answer.address] : []));
  const [first] = told;
  if (!first) return undefined;
  if (addresses.includes(first.ip)) return { outer: first.ip, kind: "none" };
  const steady = told.every(({ ip, port }) => ip === first.ip && port === first.port);
  return { outer: first.ip, kind: steady ? "steady" : "changing" };
}

export function verdictOf(findings: Findings): Verdict {
  const { ports, addresses, announced, loopback, seen, relays } = findings;
  const { change: first, works } = brokenPart(findings);
  if (loopback)
    return {
      near: "nothing: the server listens to this machine alone",
      far: "nothing",
      change: first ?? "Leave --host out, to listen on every address.",
    };
  const [own] = addresses;
  const near =
    own === undefined ? "nothing: this machine has no network" : `video at ${hostPort(own, ports.video)}`;
  if (!works) return { near: "nothing", far: "nothing", change: first };

  const nat = natOf(seen, addresses);
  const open = addresses.filter((address) => !isPrivate(address));
  const passing = `${ports.page} (TCP) and ${ports.video} (UDP and TCP)`;
  const relayed = relays.some((answer) => "address" in answer);
  const byRelay = relayed ? "; where no other way is, by TURN" : "";
  const mapped = `-p ${ports.page}:${ports.page} -p ${ports.video}:${ports.video}/udp -p ${ports.video}:${ports.video}/tcp`;

  const [outside] = announced;
  if (outside) {
    const isOld =
      nat !== undefined &&
      nat.kind !== "none" &&
      announced.every(({ host }) => /^[\d.]+$|:/.test(host) && host !== nat.outer);
    return {
      near,
      far: `video at ${hostPort(outside.host, outside.port ?? ports.video)}, once ${passing} are let through to this machine${byRelay}`,
      change:
        first ??
        (isOld ? `STUN sees this machine at ${nat.outer}: start with --announce ${nat.outer}.` : undefined),
    };
  }
  if (nat?.kind === "none" || (nat === undefined && open.length > 0)) {
    const address = nat?.outer ?? open[0] ?? "";
    return {
      near,
      far: `video at ${hostPort(address, ports.video)}, if firewalls let ${passing} through${byRelay}`,
      change: first,
    };
  }
  const far = relayed
    ? "video by TURN; the page, if its port is let through"
    : "at best MJPEG: no packet of the video finds its way here";
  if (findings.container)
    return {
      near: "as from elsewhere: this is a container",
      far,
      change:
        first ??
        `Map the ports (${mapped}) and start with --announce and the address of the container's host${nat ? `, which is ${nat.outer} from outside` : ""}.`,
    };
  if (nat === undefined)
    return {
      near,
      far: `${far}, unless this network has no NAT`,
      change: first ?? "To learn this network's outer address, name a STUN server: --ice-servers stun:HOST.",
    };
  return {
    near,
    far,
    change:
      first ??
      (relayed
        ? undefined
        : `Have the router forward ${passing} to this machine, and start with --announce ${nat.outer}.`),
  };
}

/** What was asked for and does not work goes before all else. */
function brokenPart({ ports, states, relays, seen, programs }: Findings): {
  change: string | undefined;
  works: boolean;
} {
  if (states.page === "taken")
    return { change: `Choose another port: --port ${ports.page + 10}, or stop what uses it.`, works: false };
  if (states.video === "taken")
    return {
      change: `Choose another port: --rtc-port ${ports.video + 10}, or stop what uses it.`,
      works: false,
    };
  const prevents = programs.find((finding) => finding.prevents);
  if (prevents) return { change: prevents.change, works: false };
  const failing = programs.find(({ change }) => change !== undefined);
  if (failing) return { change: failing.change, works: true };
  for (const answer of relays) {
    if (!("problem" in answer)) continue;
    const isRefusal = /^401|^441/.test(answer.problem);
    const what = isRefusal
      ? `${answer.url} does not take the credentials: give its own secret with --turn-secret.`
      : `${answer.url} does not relay: start it, let its port through, or take it out of --ice-servers.`;
    return { change: what, works: true };
  }
  const silent = seen.find((answer) => "problem" in answer);
  return {
    change: silent && `${silent.url} does not answer: mend its address, or take it out of --ice-servers.`,
    works: true,
  };
}
