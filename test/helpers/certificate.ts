/** Certificates for tests, each with its own key. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSelfSignedCertificate } from "werift";

export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A self-signed certificate, by ECDSA with SHA-256 (in TLS's numbers). */
export async function newCertificate(): Promise<TestCertificate> {
  const { certPem, keyPem } = await createSelfSignedCertificate({ hash: 4, signature: 3 });
  return { cert: certPem, key: keyPem };
}

/** Writes both into the folder, and returns their paths. */
export function writeCertificate(folder: string, { cert, key }: TestCertificate) {
  const files = { certPath: join(folder, "cert.pem"), keyPath: join(folder, "key.pem") };
  writeFileSync(files.certPath, cert);
  writeFileSync(files.keyPath, key);
  return files;
}
