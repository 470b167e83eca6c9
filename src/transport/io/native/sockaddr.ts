/** Socket addresses as the Linux kernel reads them. */
import { networkInterfaces } from "node:os";
import { type Address, ipBytes } from "../../../network/address.ts";

/** Address family of IPv4. */
export const AF_INET = 2;

/** Address family of IPv6. */
export const AF_INET6 = 10;

/** Size of a sockaddr_in6, the larger of the two. */
export const SOCKADDR_BYTES = 28;

/** An address as a sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes). */
export function sockaddrOf({ ip, port }: Address): Buffer {
  const bytes = ipBytes(ip);
  const v4 = bytes.length === 4;
  const sockaddr = Buffer.alloc(v4 ? 16 : SOCKADDR_BYTES);
  sockaddr.writeUInt16LE(v4 ? AF_INET : AF_INET6);
  sockaddr.writeUInt16BE(port, 2);
  bytes.copy(sockaddr, v4 ? 4 : 8);
  if (!v4) sockaddr.writeUInt32LE(zoneOf(ip), 24);
  return sockaddr;
}

/** The scope ID of a link-local address: the number of its interface. 0 for any other address. */
function zoneOf(ip: string): number {
  const [, zone] = ip.split("%");
  if (zone === undefined) return 0;
  const addresses = networkInterfaces()[zone] ?? [];
  return addresses.reduce(
    (found, address) => Math.max(found, "scopeid" in address ? (address.scopeid ?? 0) : 0),
    0,
  );
}
