/** The addresses that a machine behind a NAT, or in a container, is reached by: the user knows them, it does not. */
import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";

/** As the user gives it: an IP address or a name. */
export interface Announcement {
  readonly host: string;
  /** Undefined where it is the one that is bound. */
  readonly port: number | undefined;
}

/** Where viewers may try to reach this machine. */
export interface AnnouncedAddress {
  readonly ip: string;
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

/** Not one that would be an address with a number mistyped. */
export function isHostName(host: string): boolean {
  return HOST_NAME.test(host) && !/^[\d.]+$/.test(host);
}

/**
 * The addresses, with names looked up.
 * @param resolve all addresses of a name; only tests pass their own.
 * @throws a sentence for the user, where a name has none.
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
          `The DNS has no address of ${host}: give --announce an IP address, or mend the name.`,
        );
      return ips.map((ip) => ({ ip, port }));
    }),
  );
  return resolved.flat();
}

async function addressesOf(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
