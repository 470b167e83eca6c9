/**
 * `network` handles addresses: IP addresses, the names and addresses of this machine, and ICE servers. It opens no
 * sockets.
 *
 * This file handles IP addresses as text: normal forms, keys for counting, and whether they are local.
 */
import { isIP } from "node:net";
import { ipBytes } from "./address.ts";

/** The address without port, brackets and zone. An IPv4-mapped IPv6 address becomes an IPv4 address. */
export function plainAddress(address: string): string {
  const ip = address
    .trim()
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1")
    .replace(/%.*$/, "");
  return /^::ffff:(\d+(?:\.\d+){3})$/i.exec(ip)?.[1] ?? ip;
}

/** Reads `ADDRESS` or `ADDRESS/PREFIX`; undefined for anything else. Without a prefix it is that one address. */
export function readNetwork(text: string): { readonly ip: string; readonly prefix: number } | undefined {
  const [ip = "", digits, ...more] = text.split("/");
  const family = isIP(ip);
  const most = family === 4 ? 32 : 128;
  const prefix = digits === undefined ? most : /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  return family !== 0 && more.length === 0 && prefix <= most ? { ip, prefix } : undefined;
}

/** A key for limits per client: the IPv4 address, or the first 64 bits of an IPv6 address, as a client controls the rest. */
export function addressKey(address: string | undefined): string {
  const ip = plainAddress(address ?? "");
  return isIP(ip) === 6 ? ipBytes(ip).subarray(0, 8).toString("hex") : ip;
}

/**
 * A key for limits per organization: the first 24 bits of an IPv4 address, or 48 bits of an IPv6 address (RFC 6177).
 * @param key from {@link addressKey}.
 */
export function networkKey(key: string): string {
  return key.includes(".") ? key.replace(/\.\d+$/, "") : key.slice(0, 12);
}

/**
 * Whether the remote address of a TCP connection is this machine. A missing address is not: a remote client may have
 * reset the connection already.
 */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127(\.\d+){3}$/.test(address) || address === "::1");
}

/** Whether the host name of a URL always means the client's own machine, such as `localhost`. */
export function isOwnMachine(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
