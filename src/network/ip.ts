/** IP addresses as text: what kind they are, and keys to count them by. */
import { isIP } from "node:net";
import { ipBytes } from "./address.ts";

/** An IPv4 address in its own form, and no port or zone. */
export function plainAddress(address: string): string {
  const ip = address
    .trim()
    .replace(/^\[(.*)\](:\d+)?$/, "$1")
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1")
    .replace(/%.*$/, "");
  return /^::ffff:(\d+(?:\.\d+){3})$/i.exec(ip)?.[1] ?? ip;
}

/** Reads `ADDRESS` or `ADDRESS/PREFIX`; undefined for anything else. */
export function readNetwork(text: string): { readonly ip: string; readonly prefix: number } | undefined {
  const [ip = "", digits, ...more] = text.split("/");
  const family = isIP(ip);
  const most = family === 4 ? 32 : 128;
  const prefix = digits === undefined ? most : /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  return family !== 0 && more.length === 0 && prefix <= most ? { ip, prefix } : undefined;
}

/** One for all that a client can choose among: an IPv4 address, or the first 64 bits of an IPv6 one. */
export function addressKey(address: string | undefined): string {
  const ip = plainAddress(address ?? "");
  return isIP(ip) === 6 ? ipBytes(ip).subarray(0, 8).toString("hex") : ip;
}

/**
 * One for all that an organization may have: 24 bits of an IPv4 address, or 48 of an IPv6 one (RFC 6177).
 * @param key of {@link addressKey}.
 */
export function networkKey(key: string): string {
  return key.includes(".") ? key.replace(/\.\d+$/, "") : key.slice(0, 12);
}

/**
 * Whether a TCP connection comes from this machine. One without an address does not: it may have been reset by
 * anybody before its request was read.
 */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (/^(::ffff:)?127(\.\d+){3}$/.test(address) || address === "::1");
}

/** Whether a URL's host name is that of the machine that calls it so. */
export function isOwnMachine(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}
