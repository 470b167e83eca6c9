/** The server's TLS certificate and key: reads them from files, and again after a renewal. */

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Cancel, Clock, EpochMs, Millis } from "../base/clock.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/config.ts";

/** The files of a certificate. */
export interface TlsFiles {
  /** The certificate, followed by its intermediate certificates, in PEM. */
  readonly certPath: string;
  /** The private key, in PEM, without a passphrase. */
  readonly keyPath: string;
}

/** The contents of the files. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** A certificate in use. */
export interface Tls {
  readonly files: TlsFiles;
  readonly credentials: Credentials;
}

/** How often the files are checked for changes. */
const FILE_CHECK_INTERVAL: Millis = 2000;

/**
 * Reads the files that the options name; undefined if they name none.
 * @throws {UsageError} if the files cannot be used.
 */
export function tlsOf({ tlsCert, tlsKey }: Pick<Config, "tlsCert" | "tlsKey">): Tls | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const files = { certPath: tlsCert, keyPath: tlsKey };
  return { files, credentials: readCredentials(files) };
}

/**
 * Reads a certificate and its key.
 * @throws {UsageError} if the files are missing, invalid, or do not belong together.
 */
export function readCredentials({ certPath, keyPath }: TlsFiles): Credentials {
  const cert = read(certPath, "--tls-cert takes a certificate");
  const key = read(keyPath, "--tls-key takes a private key");
  try {
    new X509Certificate(cert);
  } catch {
    throw new UsageError(
      `${certPath} has no certificate in PEM. Set --tls-cert to the certificate of this server.`,
    );
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH")
      throw new UsageError(
        `The key in ${keyPath} is not that of the certificate in ${certPath}. Set --tls-key to its key.`,
      );
    if (key.includes("ENCRYPTED"))
      throw new UsageError(`The key in ${keyPath} has a passphrase. Remove it with openssl pkey.`);
    throw new UsageError(`${certPath} and ${keyPath} cannot be used for TLS: ${message}.`);
  }
  return { cert, key };
}

/** When a certificate expires. */
export function endOf({ cert }: Pick<Credentials, "cert">): EpochMs {
  return new Date(new X509Certificate(cert).validTo).getTime() as EpochMs;
}

/** How long a certificate is valid, to complete "the certificate". */
export function termOf({ cert }: Pick<Credentials, "cert">, clock: Clock): string {
  const { validTo } = new X509Certificate(cert);
  return endOf({ cert }) < clock.now()
    ? `expired on ${validTo}; browsers refuse it until it is renewed`
    : `is valid until ${validTo}`;
}

/** The host names of a certificate, without wildcards. */
export function namesOf({ cert }: Pick<Credentials, "cert">): string[] {
  const { subjectAltName = "" } = new X509Certificate(cert);
  return [...subjectAltName.matchAll(/DNS:([^,*"]+)(?:,|$)/g)].flatMap(([, name]) => name ?? []);
}

/** What {@link followRenewals} needs. */
export interface RenewalOptions {
  readonly files: TlsFiles;
  readonly clock: Clock;
  /** Replaces the credentials in use. */
  readonly use: (credentials: Credentials) => void;
  readonly log: Log;
}

/**
 * Watches the files, which may be rewritten or replaced. A certificate and its key seldom change at the same moment, so
 * changes are read only after they stayed the same between two checks. If they are invalid, the old ones stay in use.
 * @returns stops watching.
 */
export function followRenewals({ files, clock, use, log }: RenewalOptions): Cancel {
  let inUse = stampOf(files);
  let seen = inUse;
  return clock.every(FILE_CHECK_INTERVAL, () => {
    const now = stampOf(files);
    const isSettled = now === seen;
    seen = now;
    if (now === inUse || !isSettled) return;
    inUse = now;
    try {
      const credentials = readCredentials(files);
      use(credentials);
      log(`The TLS certificate was renewed; it ${termOf(credentials, clock)}.`);
    } catch (error) {
      log(`The new TLS certificate cannot be used; the old one stays in use. ${reasonOf(error)}`, {
        level: "error",
      });
    }
  });
}

/** A text that changes when one of the files does. */
function stampOf({ certPath, keyPath }: TlsFiles): string {
  return [certPath, keyPath]
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : "none";
    })
    .join();
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `there is no ${path}` : `${path} cannot be read (${code})`;
    throw new UsageError(`${what} in PEM, and ${why}.`);
  }
}
