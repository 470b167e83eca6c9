/** IP addresses with ports, and as bytes. */
import { isIPv4 } from "node:net";

/** The source or destination of a datagram. */
export interface Address {
  readonly ip: string;
  readonly port: number;
}

/** The 4 or 16 bytes of an IP address in network order. A zone is ignored. */
export function ipBytes(ip: string): Buffer {
  if (isIPv4(ip)) return Buffer.from(ip.split(".").map(Number));
  const [groups = ""] = ip.split("%");
  const [head = "", tail] = groups.split("::");
  const [before, after] = [bytesOf(head), bytesOf(tail ?? "")];
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after]);
}

/** The bytes of groups of an IPv6 address. The last may be an IPv4 address (RFC 4291, section 2.2). */
function bytesOf(groups: string): Buffer {
  const bytes = groups.split(":").flatMap((group) => {
    if (group === "") return [];
    if (group.includes(".")) return [...ipBytes(group)];
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return Buffer.from(bytes);
}
