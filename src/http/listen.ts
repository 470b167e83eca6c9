/** Opens the server's TCP port and Unix socket, and explains errors. */

import { chmodSync, rmSync, statSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import type { Cancel, Clock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Credentials, followRenewals, type Tls } from "./tls.ts";

/**
 * An HTTP server, or an HTTPS server if there are credentials. It does not listen yet.
 * @returns the server, a function that stops watching its certificate, and the credentials in use.
 */
export function newWebServer(
  tls: Tls | undefined,
  app: RequestListener,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): {
  readonly server: Server;
  readonly stopRenewals: Cancel;
  readonly credentials: () => Credentials | undefined;
} {
  if (!tls) return { server: createServer(app), stopRenewals: () => {}, credentials: () => undefined };
  let inUse = tls.credentials;
  const server = createTlsServer({ ...tls.credentials, minVersion: "TLSv1.2" }, app);
  const use = (renewed: Credentials) => {
    inUse = renewed;
    server.setSecureContext({ ...renewed, minVersion: "TLSv1.2" });
  };
  const stopRenewals = followRenewals({ files: tls.files, clock, use, log });
  return { server, stopRenewals, credentials: () => inUse };
}

/** The port that the server listens on; 0 if it does not. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/**
 * Listens on a TCP port.
 * @throws {UsageError} if that fails.
 */
export function listen(http: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (error: NodeJS.ErrnoException) =>
      reject(new UsageError(cannotListen(error, host, port, "--port"))),
    );
    http.listen(port, host, resolve);
  });
}

/** A umask that leaves only reading and writing by the owner. */
const OWNER_ONLY_UMASK = 0o177;

/**
 * Listens on a Unix socket that only this user can open.
 * @throws {UsageError} if that fails.
 */
export async function listenLocally(local: Server, path: string): Promise<void> {
  if (isSocket(path) && !(await answers(path))) rmSync(path);
  await new Promise<void>((resolve, reject) => {
    local.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "another file or server uses this path" : message;
      reject(new UsageError(`Cannot make the socket ${path}: ${why}. Choose another path.`));
    });
    // `listen` creates the file before it returns, so others can never open it.
    const umask = process.umask(OWNER_ONLY_UMASK);
    try {
      local.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
  // Some systems ignore the umask for sockets.
  chmodSync(path, 0o600);
}

/** Whether a killed server may have left a socket here. `listen` reports a folder that cannot be entered. */
function isSocket(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
  } catch {
    return false;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** The distance to the suggested port. Another rendercast also uses the port above this one, for video. */
const SUGGESTED_PORT_OFFSET = 10;

/** Explains why a port cannot be opened, and what to do. `flag` is the option that sets the port. */
export function cannotListen(
  { code, message }: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag: string,
): string {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use: choose another with ${flag} ${port + SUGGESTED_PORT_OFFSET}, or stop what uses it.`;
    case "EACCES":
      return `Port ${port} needs a right that this user lacks: choose a port above 1023, such as ${flag} 8080, or give the process the right CAP_NET_BIND_SERVICE.`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine: leave --host out to listen on all of them.`;
    default:
      return `Cannot listen on ${host} port ${port}: ${message}.`;
  }
}
