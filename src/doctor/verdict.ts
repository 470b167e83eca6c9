/** Concludes from the findings what viewers will get, and which one setting to change first. */

import { BlockList, isIPv4 } from "node:net";
import type { Announcement } from "../network/announce.ts";
import { hostPort } from "../shared/host-port.ts";
import type { Finding } from "./check.ts";
import type { PortStates } from "./ports.ts";
import type { ServerAnswer } from "./servers.ts";

/** The findings of all checks. */
export interface Findings {
  readonly ports: { readonly page: number; readonly video: number; readonly videoMoves: boolean };
  readonly states: PortStates;
  /** Whether the server listens on this machine only. */
  readonly loopback: boolean;
  /** Addresses of this machine. */
  readonly addresses: readonly string[];
  readonly announced: readonly Announcement[];
  /** Whether the doctor runs in a container. */
  readonly container: boolean;
  /** Answers of STUN servers. */
  readonly seen: readonly ServerAnswer[];
  /** Answers of TURN servers. */
  readonly relays: readonly ServerAnswer[];
  /** Whether viewers reach the page by a reverse proxy, so that its own port need not be open. */
  readonly proxied: boolean;
  /** Encoders, Blender, and everything else that the options name. */
  readonly programs: readonly Finding[];
}

/** The conclusion, in phrases for the report. */
export interface Verdict {
  /** What a viewer in the same network gets. */
  readonly near: string;
  /** What a viewer in another network gets. */
  readonly far: string;
  /** The one thing to change, in a sentence; undefined if everything works. */
  readonly change: string | undefined;
}

/** Addresses that are not reachable from outside their network (RFC 1918, RFC 6598, RFC 3927, RFC 4193). */
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

/** Whether an address is not reachable from other networks. */
export function isPrivate(ip: string): boolean {
  return PRIVATE.check(ip, isIPv4(ip) ? "ipv4" : "ipv6");
}

/**
 * The NAT in front of this machine, from what STUN servers see; undefined without an answer. `steady`: every server sees
 * the same port. `changing`: a symmetric NAT, with another port for every destination.
 */
export function natOf(
  seen: readonly ServerAnswer[],
  addresses: readonly string[],
): { readonly outer: string; readonly kind: "none" | "steady" | "changing" } | undefined {
  const answered = seen.flatMap((answer) => ("address" in answer ? [answer.address] : []));
  const [first] = answered;
  if (!first) return undefined;
  if (addresses.includes(first.ip)) return { outer: first.ip, kind: "none" };
  const steady = answered.every(({ ip, port }) => ip === first.ip && port === first.port);
  return { outer: first.ip, kind: steady ? "steady" : "changing" };
}

/** The conclusion from the findings. What keeps the server from starting comes before all else. */
export function verdictOf(findings: Findings): Verdict {
  const { ports, addresses, announced, loopback, seen, relays } = findings;
  const { change: first, works } = brokenPart(findings);
  if (loopback)
    return {
      near: "nothing: the server listens on this machine only",
      far: "nothing",
      change: first ?? "Leave out --host to listen on every address.",
    };
  const [own] = addresses;
  const near =
    own === undefined ? "nothing: this machine has no network" : `video at ${hostPort(own, ports.video)}`;
  if (!works) return { near: "nothing", far: "nothing", change: first };

  const nat = natOf(seen, addresses);
  const open = addresses.filter((address) => !isPrivate(address));
  const pagePort = findings.proxied ? "443 of the proxy" : ports.page;
  const openPorts = `${pagePort} (TCP) and ${ports.video} (UDP and TCP)`;
  const relayed = relays.some((answer) => "address" in answer);
  const byRelay = relayed ? "; otherwise by TURN" : "";
  const pageMapped = findings.proxied ? "" : `-p ${ports.page}:${ports.page} `;
  const mapped = `${pageMapped}-p ${ports.video}:${ports.video}/udp -p ${ports.video}:${ports.video}/tcp`;

  const [outside] = announced;
  if (outside) {
    const isOld =
      nat !== undefined &&
      nat.kind !== "none" &&
      announced.every(({ host }) => /^[\d.]+$|:/.test(host) && host !== nat.outer);
    return {
      near,
      far: `video at ${hostPort(outside.host, outside.port ?? ports.video)}, if ports ${openPorts} are open to it${byRelay}`,
      change:
        first ??
        (isOld ? `STUN sees this machine at ${nat.outer}: start with --announce ${nat.outer}.` : undefined),
    };
  }
  if (nat?.kind === "none" || (nat === undefined && open.length > 0)) {
    const address = nat?.outer ?? open[0] ?? "";
    return {
      near,
      far: `video at ${hostPort(address, ports.video)}, if firewalls allow ports ${openPorts}${byRelay}`,
      change: first,
    };
  }
  const far = relayed
    ? "video by TURN, and the page if its port is forwarded"
    : "at best MJPEG: video packets cannot reach this machine";
  if (findings.container)
    return {
      near: "the same as from elsewhere: this is a container",
      far,
      change:
        first ??
        `Map the ports (${mapped}) and give --announce the address of the container's host${nat ? `, which is ${nat.outer} from outside` : ""}.`,
    };
  if (nat === undefined)
    return {
      near,
      far: `${far}, if this network is behind a NAT`,
      change:
        first ?? "To find the public address of this network, name a STUN server: --ice-servers stun:HOST.",
    };
  return {
    near,
    far,
    change:
      first ??
      (relayed
        ? undefined
        : `Set the router to forward ${openPorts} to this machine, and start with --announce ${nat.outer}.`),
  };
}

/** The first part that does not work although the options configure it, and whether the server works without it. */
function brokenPart({ ports, states, relays, seen, programs }: Findings): {
  change: string | undefined;
  works: boolean;
} {
  if (states.page === "taken")
    return { change: `Choose another port: --port ${ports.page + 10}, or stop what uses it.`, works: false };
  if (states.page === "forbidden")
    return {
      change: "Choose a port above 1023: --port 8080, or give the right CAP_NET_BIND_SERVICE.",
      works: false,
    };
  if (states.video === "forbidden")
    return {
      change: "Choose a port above 1023: --rtc-port 8081, or give the right CAP_NET_BIND_SERVICE.",
      works: false,
    };
  if (states.video === "taken" && !ports.videoMoves)
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
      ? `${answer.url} rejects the credentials: give its secret with --turn-secret.`
      : `${answer.url} does not relay: start it, open its port, or remove it from --ice-servers.`;
    return { change: what, works: true };
  }
  const silent = seen.find((answer) => "problem" in answer);
  return {
    change: silent && `${silent.url} does not answer: correct its address, or remove it from --ice-servers.`,
    works: true,
  };
}
