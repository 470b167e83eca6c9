/** The server's own TLS: its certificate and key as files, read anew when they are renewed. */

import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import type { Cancel, Clock, Millis } from "../base/clock.ts";
import { reasonOf, UsageError } from "../base/errors.ts";
import type { Config } from "../config/config.ts";

export interface TlsFiles {
  /** The certificate and those between it and its authority, in PEM. */
  readonly certPath: string;
  /** Its private key, in PEM and without a passphrase. */
  readonly keyPath: string;
}

/** What the files hold. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface Tls {
  readonly files: TlsFiles;
  readonly credentials: Credentials;
}

/** How often the files are looked at. */
const LOOK_EVERY: Millis = 2000;

/**
 * TLS as the options say; undefined where they name no files.
 * @throws {UsageError} where the files cannot be used.
 */
export function tlsOf({ tlsCert, tlsKey }: Pick<Config, "tlsCert" | "tlsKey">): Tls | undefined {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const files = { certPath: tlsCert, keyPath: tlsKey };
  return { files, credentials: readCredentials(files) };
}

/** @throws {UsageError} where the files do not make a TLS server. */
export function readCredentials({ certPath, keyPath }: TlsFiles): Credentials {
  const cert = read(certPath, "--tls-cert takes a certificate");
  const key = read(keyPath, "--tls-key takes a private key");
  try {
    new X509Certificate(cert);
  } catch {
    throw new UsageError(`${certPath} has no certificate in PEM: --tls-cert takes the one of this server.`);
  }
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH")
      throw new UsageError(`The key in ${keyPath} is not that of the certificate in ${certPath}.`);
    if (key.includes("ENCRYPTED"))
      throw new UsageError(`The key in ${keyPath} has a passphrase: take it off with openssl pkey.`);
    throw new UsageError(`${certPath} and ${keyPath} cannot be used for TLS: ${message}.`);
  }
  return { cert, key };
}

/** What to say of a certificate as it is taken into use: how long it is good. */
export function termOf({ cert }: Pick<Credentials, "cert">, clock: Clock): string {
  const { validTo } = new X509Certificate(cert);
  return new Date(validTo).getTime() < clock.now()
    ? `expired on ${validTo}, and browsers refuse it until it is renewed`
    : `is good until ${validTo}`;
}

/** The host names that a certificate is for, as browsers may write them. */
export function namesOf({ cert }: Pick<Credentials, "cert">): string[] {
  const { subjectAltName = "" } = new X509Certificate(cert);
  return [...subjectAltName.matchAll(/DNS:([^,*"]+)(?:,|$)/g)].flatMap(([, name]) => name ?? []);
}

export interface RenewalOptions {
  readonly files: TlsFiles;
  readonly clock: Clock;
  /** Takes new ones into use. */
  readonly use: (credentials: Credentials) => void;
  readonly log: (line: string) => void;
}

/**
 * Looks at the files, whether they are written anew or others are put in their place, as a link may be. A certificate
 * and its key seldom change at the same moment: so what has changed is read when it has stayed as it is for a while.
 * Where it is no good, the present ones stay in use.
 * @returns stops it.
 */
export function followRenewals({ files, clock, use, log }: RenewalOptions): Cancel {
  let inUse = stampOf(files);
  let seen = inUse;
  return clock.every(LOOK_EVERY, () => {
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
      log(`The TLS certificate could not be renewed, and the one before stays in use. ${reasonOf(error)}`);
    }
  });
}

/** What changes when a file does. */
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
