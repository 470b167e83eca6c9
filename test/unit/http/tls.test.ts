import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { UsageError } from "../../../src/base/errors.ts";
import {
  type Credentials,
  followRenewals,
  namesOf,
  readCredentials,
  termOf,
  tlsOf,
} from "../../../src/http/tls.ts";
import { newCertificate, type TestCertificate, writeCertificate } from "../../helpers/certificate.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

let folder: string;
let one: TestCertificate;
let other: TestCertificate;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "rendercast-tls-"));
  [one, other] = [await newCertificate(), await newCertificate()];
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A certificate for `studio.example` and other names, valid for a hundred years from 2026. */
const NAMED = Buffer.from(`-----BEGIN CERTIFICATE-----
MIIBvTCCAWKgAwIBAgIUBW4u+Q6uizBodVc5sq8ZiB8zshQwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGc3R1ZGlvMCAXDTI2MTEyMzA3MTQ1OVoYDzIxMjYxMDMwMDcx
NDU5WjARMQ8wDQYDVQQDDAZzdHVkaW8wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATKCknod5Z4hd077ltaPyPydtGTYZmhT+iF9B8PliNWhlkv/nDKBFTohRIDoKV6
0OWgBlGGztQVIxdJryGGk76ao4GVMIGSMB0GA1UdDgQWBBR60QR9Z5pJ6qU7lEba
hpf54/v2ATAfBgNVHSMEGDAWgBR60QR9Z5pJ6qU7lEbahpf54/v2ATAPBgNVHRMB
Af8EBTADAQH/MD8GA1UdEQQ4MDaCDnN0dWRpby5leGFtcGxlghAqLnN0dWRpby5l
eGFtcGxlhwTAAAIBggxsaXZlLmV4YW1wbGUwCgYIKoZIzj0EAwIDSQAwRgIhAO8R
RDuxXZKWgcjB/v8+JgiP2EDRvoiJvTu1loACEYYdAiEA+rGD5rH/lZD5wMg0pb6M
s+SNFKPeA76jvczhh0AaZco=
-----END CERTIFICATE-----`);

describe("the certificate and key files", () => {
  test("are read if they belong together", () => {
    const { certPath, keyPath } = writeCertificate(folder, one);
    expect(String(tlsOf({ tlsCert: certPath, tlsKey: keyPath })?.credentials.cert)).toBe(one.cert);
    expect(tlsOf({ tlsCert: undefined, tlsKey: undefined })).toBeUndefined();
  });

  test.each([
    [
      "a missing certificate",
      (f: string) => join(f, "none.pem"),
      undefined,
      /^--tls-cert takes .* there is no .*none\.pem\.$/,
    ],
    [
      "a missing key",
      undefined,
      (f: string) => join(f, "none.pem"),
      /^--tls-key takes .* there is no .*none\.pem\.$/,
    ],
    ["a folder", (f: string) => f, undefined, /cannot be read \(EISDIR\)\.$/],
    [
      "a key instead of a certificate",
      (f: string) => join(f, "key.pem"),
      undefined,
      /has no certificate in PEM/,
    ],
    [
      "a certificate instead of a key",
      undefined,
      (f: string) => join(f, "cert.pem"),
      /cannot be used for TLS/,
    ],
    [
      "the key of another certificate",
      undefined,
      (f: string) => join(f, "other.pem"),
      /is not that of the certificate/,
    ],
  ])("are refused with a message if one is %s", (_, cert, key, sentence) => {
    const files = writeCertificate(folder, one);
    writeFileSync(join(folder, "other.pem"), other.key);
    const wrong = { certPath: cert?.(folder) ?? files.certPath, keyPath: key?.(folder) ?? files.keyPath };
    expect(() => readCredentials(wrong)).toThrow(UsageError);
    expect(() => readCredentials(wrong)).toThrow(sentence);
  });

  test("show for which names and how long the certificate is valid", () => {
    expect(namesOf({ cert: NAMED })).toEqual(["studio.example", "live.example"]);
    const at = (time: string) => termOf({ cert: NAMED }, new FakeClock(Date.parse(time)));
    expect(at("2027-01-01")).toMatch(/^is valid until /);
    expect(at("2200-01-01")).toMatch(/^expired on .*renewed$/);
    expect(namesOf({ cert: Buffer.from(one.cert) })).toEqual([]);
  });
});

describe("a renewal", () => {
  let clock: FakeClock;
  let used: string[];
  let logged: string[];
  const follow = () => {
    clock = new FakeClock(Date.parse("2027-01-01"));
    used = [];
    logged = [];
    const files = { certPath: join(folder, "cert.pem"), keyPath: join(folder, "key.pem") };
    const use = ({ cert }: Credentials) => used.push(String(cert));
    return followRenewals({ files, clock, use, log: (line) => logged.push(line) });
  };

  test("is used once both files are renewed, and is logged", async () => {
    writeCertificate(folder, one);
    follow();
    await clock.advance(60_000);
    expect(used).toEqual([]);
    writeFileSync(join(folder, "cert.pem"), other.cert);
    await clock.advance(2000);
    writeFileSync(join(folder, "key.pem"), other.key);
    await clock.advance(60_000);
    expect(used).toEqual([other.cert]);
    expect(logged).toEqual([expect.stringMatching(/was renewed; it is valid until/)]);
  });

  test("that is broken is logged once and not used, and the next valid one is used", async () => {
    writeCertificate(folder, one);
    follow();
    writeFileSync(join(folder, "key.pem"), "not whole");
    await clock.advance(60_000);
    unlinkSync(join(folder, "cert.pem"));
    await clock.advance(60_000);
    expect(used).toEqual([]);
    expect(logged).toEqual([
      expect.stringMatching(/The new TLS certificate cannot be used; the old one stays in use\. .*\.$/),
      expect.stringMatching(/stays in use\. --tls-cert takes .*there is no/),
    ]);
    writeCertificate(folder, other);
    await clock.advance(60_000);
    expect(used).toEqual([other.cert]);
  });

  test("is noticed if links point to new files, as with certbot and Kubernetes", async () => {
    for (const [name, text] of Object.entries({
      cert1: one.cert,
      key1: one.key,
      cert2: other.cert,
      key2: other.key,
    }))
      writeFileSync(join(folder, name), text);
    const link = (n: number) => {
      for (const kind of ["cert", "key"]) {
        rmSync(join(folder, `${kind}.pem`), { force: true });
        symlinkSync(`${kind}${n}`, join(folder, `${kind}.pem`));
      }
    };
    link(1);
    const stop = follow();
    link(2);
    await clock.advance(10_000);
    expect(used).toEqual([other.cert]);
    stop();
    expect(clock.timers).toBe(0);
  });
});
