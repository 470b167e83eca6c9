/** The addresses of this machine that others can reach it by. */

import { isIPv4 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { hostPort } from "../shared/host-port.ts";

/** What joins containers and virtual machines to this machine, as their makers name it: nobody comes from outside by it. */
const VIRTUAL_BRIDGE =
  /^(docker\d|br-[0-9a-f]{12}$|virbr\d|lxcbr\d|lxdbr\d|incusbr\d|podman\d|cni\d|cni-podman\d|flannel|vmnet\d|vboxnet\d|vEthernet )/;

/** Without the end of an interface, which another machine cannot name (RFC 4007, section 6). */
const LINK_LOCAL = /^(fe[89ab][0-9a-f]:|169\.254\.)/i;

/** Viewers try each with each of their own. */
const MOST = 8;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * IPv4 before IPv6, without those of virtual bridges, link-local and loopback ones unless there is nothing else.
 * @param interfaces by their names, as the system tells them.
 */
export function machineAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, internal }) => ({ name, address, internal })),
  );
  const reachable = all.filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address));
  const outside = reachable.filter(({ name }) => !VIRTUAL_BRIDGE.test(name));
  const [best = []] = [outside, reachable, all].filter(({ length }) => length > 0);
  const addresses = [...new Set(best.map(({ address }) => address))];
  return addresses.sort((a, b) => Number(a.includes(":")) - Number(b.includes(":"))).slice(0, MOST);
}

/** Those of {@link machineAddresses} that people can read out and type. */
export function lanAddresses(): string[] {
  try {
    return machineAddresses().filter((address) => isIPv4(address) && !address.startsWith("127."));
  } catch {
    // Out of file descriptors: the local address still stands.
    return [];
  }
}

/** The origin of the pages at a name or an IP address. */
export function originOf(host: string, port: number, secure: boolean): string {
  return `${secure ? "https" : "http"}://${hostPort(host, port)}`;
}
