import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createSelfSignedCertificate } from "werift";
import { requireSameOffer } from "../../../src/transport/dtls/hello.ts";
import {
  checkCertificateVerify,
  checkFinished,
  checkServerKeyExchange,
  keyOf,
  readCertificate,
} from "../../../src/transport/dtls/proof.ts";

const KEYS = {
  "RSA of 2048 bits": generateKeyPairSync("rsa", { modulusLength: 2048 }),
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
  Ed25519: generateKeyPairSync("ed25519"),
};

const HASHES = { sha1: 2, sha256: 4, sha384: 5, sha512: 6 } as const;
const RSA = 1;
const ECDSA = 3;
const TRANSCRIPT = Buffer.from("all messages so far");

/** Algorithm, length and signature (RFC 5246, section 4.7). */
function signed(hash: keyof typeof HASHES, signature: number, key: KeyObject, data = TRANSCRIPT): Buffer {
  const bytes = sign(key.asymmetricKeyType === "ed25519" ? null : hash, data, key);
  return Buffer.concat([
    Buffer.from([HASHES[hash], signature, bytes.length >> 8, bytes.length & 255]),
    bytes,
  ]);
}

describe("CertificateVerify", () => {
  test.each([
    ["RSA of 2048 bits", RSA],
    ["P-256", ECDSA],
    ["P-384", ECDSA],
  ] as const)(
    "by a key of %s passes with SHA-256, SHA-384 and SHA-512, for this transcript only",
    (name, algorithm) => {
      const { publicKey, privateKey } = KEYS[name];
      for (const hash of ["sha256", "sha384", "sha512"] as const) {
        const message = signed(hash, algorithm, privateKey);
        checkCertificateVerify(publicKey, message, TRANSCRIPT);
        const other = Buffer.from("all messages but one");
        expect(() => checkCertificateVerify(publicKey, message, other)).toThrow("does not prove");
        expect(() => checkCertificateVerify(publicKey, message.subarray(0, -1), TRANSCRIPT)).toThrow(
          "does not prove",
        );
        const longer = Buffer.concat([message, Buffer.alloc(1)]);
        expect(() => checkCertificateVerify(publicKey, longer, TRANSCRIPT)).toThrow("does not prove");
      }
    },
  );

  test.each(["RSA of 2048 bits", "P-256"] as const)(
    "by SHA-1 or an unknown algorithm is refused, with a key of %s",
    (name) => {
      const { publicKey, privateKey } = KEYS[name];
      const algorithm = name === "P-256" ? ECDSA : RSA;
      const message = signed("sha1", algorithm, privateKey);
      expect(() => checkCertificateVerify(publicKey, message, TRANSCRIPT)).toThrow("not accepted");
      // MD5, no hash, RSA-PSS, DSA, anonymous and undefined.
      for (const scheme of [
        [1, algorithm],
        [0, algorithm],
        [8, 4],
        [4, 2],
        [4, 0],
        [255, 255],
      ]) {
        const unknown = Buffer.concat([
          Buffer.from(scheme),
          signed("sha256", algorithm, privateKey).subarray(2),
        ]);
        expect(() => checkCertificateVerify(publicKey, unknown, TRANSCRIPT)).toThrow("not accepted");
      }
      for (const bytes of [0, 1, 3])
        expect(() => checkCertificateVerify(publicKey, Buffer.alloc(bytes), TRANSCRIPT)).toThrow(
          "not accepted",
        );
    },
  );

  test("by an algorithm for another kind of key than the certificate's is refused", () => {
    const [rsa, ec, ed] = [KEYS["RSA of 2048 bits"], KEYS["P-256"], KEYS.Ed25519];
    const unfit = "does not fit its certificate's key";
    expect(() =>
      checkCertificateVerify(rsa.publicKey, signed("sha256", ECDSA, rsa.privateKey), TRANSCRIPT),
    ).toThrow(unfit);
    expect(() =>
      checkCertificateVerify(ec.publicKey, signed("sha256", RSA, ec.privateKey), TRANSCRIPT),
    ).toThrow(unfit);
    expect(() =>
      checkCertificateVerify(ed.publicKey, signed("sha256", ECDSA, ed.privateKey), TRANSCRIPT),
    ).toThrow(unfit);
    expect(() =>
      checkCertificateVerify(rsa.publicKey, signed("sha256", ECDSA, ec.privateKey), TRANSCRIPT),
    ).toThrow(unfit);
  });

  test("by another key of the same kind is refused", () => {
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const message = signed("sha256", ECDSA, other.privateKey);
    expect(() => checkCertificateVerify(KEYS["P-256"].publicKey, message, TRANSCRIPT)).toThrow(
      "does not prove",
    );
  });
});

describe("ServerKeyExchange", () => {
  const { publicKey, privateKey } = KEYS["P-256"];
  const randoms = Buffer.alloc(64, 5);
  const parameters = Buffer.concat([Buffer.from([3, 0, 23, 65]), Buffer.alloc(65, 4)]);
  const message = Buffer.concat([
    parameters,
    signed("sha256", ECDSA, privateKey, Buffer.concat([randoms, parameters])),
  ]);

  test("passes only if its signature covers these randoms and parameters", () => {
    checkServerKeyExchange(publicKey, message, randoms);
    expect(() => checkServerKeyExchange(publicKey, message, Buffer.alloc(64, 6))).toThrow("does not prove");
    for (const at of [2, 10, 68]) {
      const other = Buffer.from(message);
      other.writeUInt8(other.readUInt8(at) ^ 1, at);
      expect(() => checkServerKeyExchange(publicKey, other, randoms)).toThrow("does not prove");
    }
  });

  test("without a named curve, or cut off, is refused", () => {
    const explicit = Buffer.from(message);
    explicit.writeUInt8(1);
    for (const torn of [explicit, Buffer.alloc(0), message.subarray(0, 3)])
      expect(() => checkServerKeyExchange(publicKey, torn, randoms)).toThrow("cannot be read");
    for (const end of [4, 40, 69, 71])
      expect(() => checkServerKeyExchange(publicKey, message.subarray(0, end), randoms)).toThrow(
        "not accepted",
      );
  });
});

describe("Finished", () => {
  const secret = Buffer.alloc(48, 3);
  /** P_hash as in RFC 5246, section 5. */
  function verifyData(label: string, transcript = TRANSCRIPT, key = secret): Buffer {
    const seed = Buffer.concat([Buffer.from(label), createHash("sha256").update(transcript).digest()]);
    const first = createHmac("sha256", key).update(seed).digest();
    return createHmac("sha256", key)
      .update(Buffer.concat([first, seed]))
      .digest()
      .subarray(0, 12);
  }

  test("passes only with the same secret, transcript and side", () => {
    checkFinished("client", verifyData("client finished"), secret, TRANSCRIPT);
    checkFinished("server", verifyData("server finished"), secret, TRANSCRIPT);
    for (const wrong of [
      verifyData("server finished"),
      verifyData("client finished", Buffer.from("other messages")),
      verifyData("client finished", TRANSCRIPT, Buffer.alloc(48, 4)),
      verifyData("client finished").subarray(0, 11),
      Buffer.concat([verifyData("client finished"), Buffer.alloc(1)]),
      Buffer.alloc(0),
    ])
      expect(() => checkFinished("client", wrong, secret, TRANSCRIPT)).toThrow("has seen other");
  });
});

describe("Certificate", () => {
  test("gives the key of the first certificate, and throws if there is none or it cannot be read", async () => {
    const { certPem } = await createSelfSignedCertificate({ hash: 4, signature: 3 });
    const der = Buffer.from(certPem.replace(/-----[^-]+-----|\s/g, ""), "base64");
    const entry = Buffer.concat([Buffer.from([0, der.length >> 8, der.length & 255]), der]);
    const message = Buffer.concat([
      Buffer.from([0, (2 * entry.length) >> 8, (2 * entry.length) & 255]),
      entry,
      entry,
    ]);
    expect(readCertificate(message)).toEqual(der);
    expect(keyOf(der).asymmetricKeyType).toBe("ec");
    for (const empty of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(6), message.subarray(0, 50)])
      expect(() => readCertificate(empty)).toThrow("shows no certificate");
    for (const broken of [Buffer.alloc(100, 0x30), der.subarray(0, -10)])
      expect(() => keyOf(broken)).toThrow("cannot be read");
  });
});

describe("a second ClientHello", () => {
  const vector = (bytes: number, body: Buffer) => {
    const length = Buffer.alloc(bytes);
    length.writeUIntBE(body.length, 0, bytes);
    return Buffer.concat([length, body]);
  };
  const extension = (type: number, ...data: number[]) =>
    Buffer.concat([Buffer.from([0, type]), vector(2, Buffer.from(data))]);
  const SRTP = extension(14, 0, 4, 0, 7, 0, 1, 0);
  const SECRET = extension(23);
  const hello = ({ random = 1, cookie = "", suites = 1, extensions = [SRTP, SECRET] } = {}) =>
    Buffer.concat([
      Buffer.from([0xfe, 0xfd]),
      Buffer.alloc(32, random),
      vector(1, Buffer.alloc(0)),
      vector(1, Buffer.from(cookie)),
      vector(2, Buffer.alloc(2, suites)),
      vector(1, Buffer.alloc(1)),
      vector(2, Buffer.concat(extensions)),
    ]);

  test("may have a cookie, and other extensions without effect", () => {
    const padded = [SRTP, extension(21, 0, 0, 0), SECRET];
    requireSameOffer(hello(), hello({ cookie: "a cookie", extensions: padded }));
  });

  test.each([
    ["random", hello({ random: 2 })],
    ["cipher suites", hello({ suites: 2 })],
    ["SRTP profiles", hello({ extensions: [extension(14, 0, 2, 0, 1, 0), SECRET] })],
    ["extended master secret", hello({ extensions: [SRTP] })],
  ])("is refused with other %s", (_, second) => {
    expect(() => requireSameOffer(hello(), second)).toThrow("offers other parameters");
  });

  test("is refused if it is cut off", () => {
    const whole = hello();
    for (let bytes = 0; bytes < whole.length; bytes++)
      expect(() => requireSameOffer(whole, whole.subarray(0, bytes))).toThrow();
  });
});
