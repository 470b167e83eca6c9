/** Where the server listens; what goes wrong there is told in a sentence. */

import { chmodSync, rmSync, statSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect } from "node:net";
import type { Cancel, Clock } from "../base/clock.ts";
import { UsageError } from "../base/errors.ts";
import { type Credentials, followRenewals, type Tls } from "./tls.ts";

/**
 * A server not yet listening: of HTTPS where there are credentials for it.
 * @returns it, and what stops it from reading renewed ones.
 */
export function newWebServer(
  tls: Tls | undefined,
  app: RequestListener,
  { clock, log }: { readonly clock: Clock; readonly log: (line: string) => void },
): { readonly server: Server; readonly stopRenewals: Cancel } {
  if (!tls) return { server: createServer(app), stopRenewals: () => {} };
  const server = createTlsServer({ ...tls.credentials, minVersion: "TLSv1.2" }, app);
  const use = (renewed: Credentials) => server.setSecureContext({ ...renewed, minVersion: "TLSv1.2" });
  return { server, stopRenewals: followRenewals({ files: tls.files, clock, use, log }) };
}

/** The port that it listens on. */
export function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** @throws {UsageError} */
export function listen(http: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", (error: NodeJS.ErrnoException) =>
      reject(new UsageError(cannotListen(error, host, port, "--port"))),
    );
    http.listen(port, host, resolve);
  });
}

/** All that a file's mode can allow to others, and execution by its owner. */
const OTHERS = 0o177;

/**
 * Listens on a Unix socket that only this user may use.
 * @throws {UsageError}
 */
export async function listenLocally(local: Server, path: string): Promise<void> {
  // One that a killed server left behind would keep this one out.
  if (statSync(path, { throwIfNoEntry: false })?.isSocket() && !(await answers(path))) rmSync(path);
  await new Promise<void>((resolve, reject) => {
    local.once("error", ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === "EADDRINUSE" ? "something is there already" : message;
      reject(new UsageError(`Cannot make the socket ${path}: ${why}. Choose another path.`));
    });
    // The file is made within the call: at no moment may others open it.
    const umask = process.umask(OTHERS);
    try {
      local.listen(path, resolve);
    } finally {
      process.umask(umask);
    }
  });
  // Where the system makes sockets by rules of its own.
  chmodSync(path, 0o600);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** To the next port to try: who has this one has the one above it for its video. */
const STEP = 10;

/** Why not, and what to do; `flag` is the option that the port is set by. */
export function cannotListen(
  { code, message }: NodeJS.ErrnoException,
  host: string,
  port: number,
  flag: string,
): string {
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use: choose another with ${flag} ${port + STEP}, or stop what uses it.`;
    case "EACCES":
      return `Port ${port} needs more rights than this user has: choose one above 1023 with ${flag} 8080.`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine: leave --host out to listen on all of them.`;
    default:
      return `Cannot listen on ${host} port ${port}: ${message}.`;
  }
}
