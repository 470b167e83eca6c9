/** Public addresses of a machine behind NAT or in a container. Only the user knows them, and gives them with --announce. */
import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";

/** An address as the user gives it. */
export interface Announcement {
  /** An IP address or a host name. */
  readonly host: string;
  /** If undefined, the port that the server binds. */
  readonly port: number | undefined;
}

/** An announced address after the DNS lookup. */
export interface AnnouncedAddress {
  readonly ip: string;
  /** If undefined, the port that the server binds. */
  readonly port: number | undefined;
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?$/i;

/** Reads `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; undefined for anything else. */
export function readAnnouncement(text: string): Announcement | undefined {
  if (isIPv6(text)) return { host: text, port: undefined };
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  if (bracketed !== undefined ? !isIPv6(host) : isIP(host) === 0 && !isHostName(host)) return undefined;
  return { host, port };
}

/** Whether the text is a host name. An incomplete IPv4 address is not. */
export function isHostName(host: string): boolean {
  return HOST_NAME.test(host) && !/^[\d.]+$/.test(host);
}

/**
 * Looks up the names.
 * @param resolve returns all addresses of a name; only tests pass their own.
 * @throws {Error} with a sentence for the user if a name has no address.
 */
export async function resolveAnnounced(
  announced: readonly Announcement[],
  resolve: (name: string) => Promise<readonly string[]> = addressesOf,
): Promise<AnnouncedAddress[]> {
  const resolved = await Promise.all(
    announced.map(async ({ host, port }) => {
      if (isIP(host) !== 0) return [{ ip: host, port }];
      const ips = await resolve(host).catch(() => []);
      if (ips.length === 0)
        throw new Error(
          `The DNS has no address for ${host}: give --announce an IP address, or correct the name.`,
        );
      return ips.map((ip) => ({ ip, port }));
    }),
  );
  return resolved.flat();
}

async function addressesOf(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
