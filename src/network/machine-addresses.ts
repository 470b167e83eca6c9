/** The addresses under which other machines reach this one. */
import { isIPv4 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { hostPort } from "../shared/host-port.ts";

/** Interfaces of containers and virtual machines, by their usual names. Other machines cannot reach them. */
const VIRTUAL_BRIDGE =
  /^(docker\d|br-[0-9a-f]{12}$|virbr\d|lxcbr\d|lxdbr\d|incusbr\d|podman\d|cni\d|cni-podman\d|flannel|vmnet\d|vboxnet\d|vEthernet )/;

/** Link-local addresses need the zone of the local interface, which other machines do not know (RFC 4007, section 6). */
const LINK_LOCAL = /^(fe[89ab][0-9a-f]:|169\.254\.)/i;

/** Viewers check every pair of their addresses and ours, so more would delay connections. */
const MAX_ADDRESSES = 8;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/**
 * The addresses for viewers, IPv4 first. Virtual bridges, link-local and loopback addresses are used only if there is
 * nothing else.
 * @param interfaces by name.
 */
export function machineAddresses(interfaces: Interfaces = networkInterfaces()): string[] {
  const all = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, internal }) => ({ name, address, internal })),
  );
  const reachable = all.filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address));
  const outside = reachable.filter(({ name }) => !VIRTUAL_BRIDGE.test(name));
  const [best = []] = [outside, reachable, all].filter(({ length }) => length > 0);
  const addresses = [...new Set(best.map(({ address }) => address))];
  return addresses.sort((a, b) => Number(a.includes(":")) - Number(b.includes(":"))).slice(0, MAX_ADDRESSES);
}

/** The IPv4 addresses for people to open, without loopback. */
export function lanAddresses(): string[] {
  try {
    return machineAddresses().filter((address) => isIPv4(address) && !address.startsWith("127."));
  } catch {
    // The call fails without free file descriptors. The local address still works.
    return [];
  }
}

/** The origin of the pages at a host name or an IP address. */
export function originOf(host: string, port: number, secure: boolean): string {
  return `${secure ? "https" : "http"}://${hostPort(host, port)}`;
}
