/** Checks what the options name besides ports and programs: the certificate, the folder, Redis, forwards and proxies. */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { type Millis, systemClock } from "../base/clock.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";
import type { Target } from "../config/forward-target.ts";
import { endOf, namesOf, tlsOf } from "../http/tls.ts";
import { hostPort } from "../shared/host-port.ts";
import { requireFolder } from "../source/folder/watcher.ts";
import { type Finding, within } from "./check.ts";

const ANSWER_TIMEOUT: Millis = 4000;

/** A closed port on this machine or its network refuses a datagram within this time. */
const REFUSAL_TIMEOUT: Millis = 500;

/** A certificate that expires sooner should be renewed now. */
const RENEWAL_PERIOD: Millis = 14 * 24 * 3_600_000;

/** A line of the report: its name, and what was found. */
export type NamedFinding = readonly [name: string, finding: Finding];

/** Checks everything that the options name; what they do not name has no line. */
export async function checkDependencies(config: Config): Promise<NamedFinding[]> {
  const { redis, forward = [], forwardToken } = config;
  const found = await Promise.all(
    [
      ["TLS", checkTls(config)] as const,
      ["Folder", checkFolder(config)] as const,
      ["Redis", redis === undefined ? undefined : checkRedis(redis)] as const,
      ...forward.map((target) => ["Forward", checkForward(target, forwardToken)] as const),
    ].map(async ([name, check]) => [name, await check] as const),
  );
  return found.flatMap(([name, finding]) => (finding ? [[name, finding] as const] : []));
}

function checkTls(config: Config): Finding | undefined {
  try {
    const tls = tlsOf(config);
    if (!tls) return undefined;
    const left = endOf(tls.credentials) - systemClock.now();
    const day = new Date(endOf(tls.credentials)).toISOString().slice(0, 10);
    const change = `Renew the certificate in ${tls.files.certPath}.`;
    if (left < 0) return { state: "bad", text: `the certificate expired on ${day}`, change };
    const text = `${namesOf(tls.credentials).join(", ") || "the certificate"} until ${day}`;
    return left < RENEWAL_PERIOD ? { state: "note", text: `${text}: renew it` } : { state: "good", text };
  } catch (error) {
    return preventing(error);
  }
}

async function checkFolder({ folder }: Config): Promise<Finding | undefined> {
  if (folder === undefined) return undefined;
  try {
    await requireFolder(folder);
    return { state: "good", text: `${folder} can be read` };
  } catch (error) {
    return preventing(new UsageError(reasonOf(error)));
  }
}

/** A mistake in the options that keeps the server from starting. */
function preventing(error: unknown): Finding {
  if (!(error instanceof UsageError)) throw error;
  return { state: "bad", text: error.message.replace(/\.$/, ""), change: error.message, prevents: true };
}

async function checkRedis(url: string): Promise<Finding> {
  // The URL has the password.
  const { hostname, port } = new URL(url);
  const where = `${hostname}:${port || 6379}`;
  const { createClient } = await import("@redis/client");
  const client = createClient({ url, socket: { connectTimeout: ANSWER_TIMEOUT, reconnectStrategy: false } });
  client.on("error", () => {});
  try {
    await within(
      ANSWER_TIMEOUT,
      client.connect().then(() => client.ping()),
    );
    return { state: "good", text: `${where} answers` };
  } catch (error) {
    const why = codeOf(error);
    const isRefusal = /NOAUTH|WRONGPASS|AUTH/.test(why);
    const change = isRefusal
      ? `Redis at ${where} rejects the password: correct --redis.`
      : `Start Redis at ${where}, open its port, or correct --redis: until then this server shows only its own streams.`;
    return { state: "bad", text: `${where} does not work: ${why}`, change };
  } finally {
    client.destroy();
  }
}

function checkForward(target: Target, token: string | undefined): Promise<Finding> {
  return target.kind === "whip" ? checkWhip(target.url, token) : checkRtp(target);
}

/** OPTIONS shows whether the server is there, without publishing (RFC 9725, section 4.2). */
async function checkWhip(url: string, token: string | undefined): Promise<Finding> {
  // The path may be a secret.
  const { host } = new URL(url);
  const headers: HeadersInit = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT);
    const { status, body } = await fetch(url, { method: "OPTIONS", headers, signal });
    await body?.cancel();
    if (status === 401 || status === 403)
      return {
        state: "bad",
        text: `${host} refuses the token (${status})`,
        change: `Give the token of ${host} with --forward-token.`,
      };
    if (status === 404) return { state: "note", text: `${host} answers, but may not know the path (404)` };
    return { state: "good", text: `${host} answers` };
  } catch (error) {
    const change = `Start the server at ${host}, or correct --forward.`;
    return {
      state: "bad",
      text: `${host} cannot be reached: ${codeOf((error as Error).cause ?? error)}`,
      change,
    };
  }
}

async function checkRtp({ host, port }: Extract<Target, { kind: "rtp" }>): Promise<Finding> {
  const where = hostPort(host, port);
  try {
    const { address } = await lookup(host);
    const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
    try {
      socket.connect(port, address);
      await once(socket, "connect");
      const refused = once(socket, "error").then(
        () => true,
        () => true,
      );
      // An empty datagram is no RTP: a receiver drops it.
      socket.send("", () => {});
      if (!(await within(REFUSAL_TIMEOUT, refused).catch(() => false)))
        return { state: "good", text: `${where} takes datagrams, or drops them unseen` };
    } finally {
      socket.close();
    }
    return {
      state: "bad",
      text: `nothing receives RTP at ${where}`,
      change: `Start the receiver at ${where}, or correct --forward.`,
    };
  } catch (error) {
    const change = `Give --forward an address that this machine reaches instead of ${host}.`;
    return { state: "bad", text: `${where}: ${codeOf(error)}`, change, prevents: true };
  }
}

/** Asks for this server by each name of `--public-host`, as browsers do: through the proxy. Call it while it runs. */
export async function checkProxies({ trustProxy = [], publicHost = [] }: Config): Promise<NamedFinding[]> {
  if (trustProxy.length === 0) return [];
  const names = publicHost.filter((name) => !name.includes("*"));
  if (names.length === 0) {
    const text = "not tested: --public-host has no name at which it answers";
    return [["Proxy", { state: "note", text }]];
  }
  return Promise.all(names.map(async (name) => ["Proxy", await checkName(name)] as const));
}

async function checkName(name: string): Promise<Finding> {
  const change = `Let the proxy for ${name} forward to this server, as deploy/nginx.conf does, and open its ports.`;
  try {
    const answer = await fetch(`https://${name}/healthz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT) });
    const text = await answer.text();
    if (text.startsWith("rendercast is running"))
      return { state: "good", text: `https://${name} leads here` };
    return { state: "bad", text: `https://${name} does not lead to a rendercast (${answer.status})`, change };
  } catch (error) {
    const why = codeOf((error as Error).cause ?? error);
    return { state: "bad", text: `https://${name} cannot be reached: ${why}`, change };
  }
}

/** The system's code for an error, or its message. */
function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code ?? reasonOf(error).split("\n")[0] ?? "";
}
