/** The proofs in a DTLS 1.2 handshake: the peer has its certificate's private key, and saw the same messages. */
import {
  constants,
  createHmac,
  hash,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from "node:crypto";

/** The accepted signature algorithms (RFC 5246, section 7.4.1.4.1): none below SHA-256. */
const SCHEMES: ReadonlyMap<number, { readonly hash: string; readonly key: "rsa" | "ec" }> = new Map([
  [0x0401, { hash: "sha256", key: "rsa" }],
  [0x0501, { hash: "sha384", key: "rsa" }],
  [0x0601, { hash: "sha512", key: "rsa" }],
  [0x0403, { hash: "sha256", key: "ec" }],
  [0x0503, { hash: "sha384", key: "ec" }],
  [0x0603, { hash: "sha512", key: "ec" }],
]);

/** The length of verify_data (RFC 5246, section 7.4.9). */
const VERIFY_DATA_BYTES = 12;

const NAMED_CURVE = 3;

/** Why a handshake is refused; the message completes a sentence that begins with "the peer". */
export class ProofError extends Error {}

/**
 * The peer's own certificate in DER: the first in a Certificate message (RFC 5246, section 7.4.2).
 * @throws {ProofError} if there is none.
 */
export function readCertificate(message: Buffer): Buffer {
  const size = message.length < 6 ? 0 : message.readUIntBE(3, 3);
  if (size === 0 || 6 + size > message.length) throw new ProofError("shows no certificate");
  return message.subarray(6, 6 + size);
}

/**
 * The public key of a certificate in DER.
 * @throws {ProofError} if the certificate is malformed.
 */
export function keyOf(certificate: Buffer): KeyObject {
  try {
    return new X509Certificate(certificate).publicKey;
  } catch (error) {
    throw new ProofError("shows a certificate that cannot be read", { cause: error });
  }
}

/**
 * Checks CertificateVerify: the client signed the transcript with its certificate's key (RFC 5246, section 7.4.8).
 * @throws {ProofError} if the signature is wrong, or its algorithm is not accepted.
 */
export function checkCertificateVerify(key: KeyObject, message: Buffer, transcript: Buffer): void {
  checkSignature(key, message, transcript);
}

/**
 * Checks ServerKeyExchange: the server signed its parameters and both randoms (RFC 8422, section 5.4).
 * @throws {ProofError} if the signature is wrong, or its algorithm is not accepted.
 */
export function checkServerKeyExchange(key: KeyObject, message: Buffer, randoms: Buffer): void {
  if (message.length < 4 || message.readUInt8(0) !== NAMED_CURVE)
    throw new ProofError("sends parameters that cannot be read");
  const end = 4 + message.readUInt8(3);
  checkSignature(key, message.subarray(end), Buffer.concat([randoms, message.subarray(0, end)]));
}

/**
 * Checks Finished: the peer has the master secret and saw these messages (RFC 5246, section 7.4.9).
 * @param by the side that sent it.
 * @throws {ProofError} if the peer saw other messages, or has other keys.
 */
export function checkFinished(
  by: "client" | "server",
  message: Buffer,
  masterSecret: Buffer,
  transcript: Buffer,
): void {
  const seed = Buffer.concat([Buffer.from(`${by} finished`), hash("sha256", transcript, "buffer")]);
  // verify_data is the start of the PRF's first block (RFC 5246, section 5). Both offered suites use SHA-256.
  const first = createHmac("sha256", masterSecret).update(seed).digest();
  const block = createHmac("sha256", masterSecret).update(first).update(seed).digest();
  if (message.length !== VERIFY_DATA_BYTES || !timingSafeEqual(message, block.subarray(0, VERIFY_DATA_BYTES)))
    throw new ProofError("has seen other handshake messages than this side");
}

/** @param signed algorithm, length and signature (RFC 5246, section 4.7), and nothing after. */
function checkSignature(key: KeyObject, signed: Buffer, data: Buffer): void {
  const scheme = signed.length < 4 ? undefined : SCHEMES.get(signed.readUInt16BE(0));
  if (!scheme) throw new ProofError("signs by an algorithm that is not accepted");
  if (key.asymmetricKeyType !== scheme.key)
    throw new ProofError("signs by an algorithm that does not fit its certificate's key");
  const isWhole = signed.length === 4 + signed.readUInt16BE(2);
  const padding = scheme.key === "rsa" ? { padding: constants.RSA_PKCS1_PADDING } : {};
  if (!isWhole || !verify(scheme.hash, data, { key, ...padding }, signed.subarray(4)))
    throw new ProofError("does not prove that it has its certificate's key");
}
