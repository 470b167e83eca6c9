/**
 * The handshake messages that a peer must send, and their order. Every message is checked before werift gets it. Both sides
 * must show a certificate (RFC 8827, section 6.5).
 */
import type { KeyObject } from "node:crypto";
import { requireSameOffer } from "./hello.ts";
import { type InnerSession, type InnerTransport, SERVER } from "./inner.ts";
import { type HandshakeMessage, MESSAGE } from "./messages.ts";
import {
  checkCertificateVerify,
  checkFinished,
  checkServerKeyExchange,
  keyOf,
  ProofError,
  readCertificate,
} from "./proof.ts";

/** A client's messages with a certificate, by their sequence numbers (RFC 5246, section 7.3). */
const CLIENT_MESSAGES: readonly number[] = [
  MESSAGE.clientHello,
  MESSAGE.clientHello,
  MESSAGE.certificate,
  MESSAGE.clientKeyExchange,
  MESSAGE.certificateVerify,
  MESSAGE.finished,
];

/** The messages that may follow each message of a server; 0 is the start. */
const SERVER_MESSAGES: Readonly<Record<number, readonly number[]>> = {
  0: [MESSAGE.helloVerifyRequest, MESSAGE.serverHello],
  [MESSAGE.helloVerifyRequest]: [MESSAGE.serverHello],
  [MESSAGE.serverHello]: [MESSAGE.certificate],
  [MESSAGE.certificate]: [MESSAGE.serverKeyExchange],
  [MESSAGE.serverKeyExchange]: [MESSAGE.certificateRequest, MESSAGE.serverHelloDone],
  [MESSAGE.certificateRequest]: [MESSAGE.serverHelloDone],
  [MESSAGE.serverHelloDone]: [MESSAGE.finished],
};

/** The message types of both sides in werift's transcript when CertificateVerify or Finished is checked. */
const CLIENT_SIGNED_TRANSCRIPT = /^1 2 11 12 13 14 11 16$/;
const CLIENT_FINISHED_TRANSCRIPT = /^1 2 11 12 13 14 11 16 15$/;
const SERVER_FINISHED_TRANSCRIPT = /^1 2 11 12 (13 14 11 16 15|14 16) 20$/;

/** What the peer of one session has proved so far. */
export class PeerProof {
  readonly #transport: InnerTransport;
  readonly #session: InnerSession;
  #last: HandshakeMessage | undefined;
  #certificate: Buffer | undefined;

  constructor(transport: InnerTransport, session: InnerSession) {
    this.#transport = transport;
    this.#session = session;
  }

  /** The newest message that passed. */
  get last(): HandshakeMessage | undefined {
    return this.#last;
  }

  /**
   * Checks the next message. After Finished the peer is authenticated.
   * @throws {ProofError} if the message is out of order or proves nothing.
   */
  check(message: HandshakeMessage): void {
    if (this.#session.sessionType === SERVER) this.#checkClient(message, this.#last);
    else this.#checkServer(message, this.#last);
    this.#last = message;
  }

  /** @throws {ProofError} */
  #checkClient({ msg_type, message_seq, fragment }: HandshakeMessage, last?: HandshakeMessage): void {
    const session = this.#session;
    if (msg_type !== CLIENT_MESSAGES[message_seq])
      throw new ProofError(`sends message ${msg_type} out of order`);
    if (msg_type === MESSAGE.clientHello && last) requireSameOffer(last.fragment, fragment);
    else if (msg_type === MESSAGE.certificate) this.#certificate = readCertificate(fragment);
    else if (msg_type === MESSAGE.certificateVerify)
      checkCertificateVerify(this.#key(), fragment, transcriptOf(session, CLIENT_SIGNED_TRANSCRIPT));
    else if (msg_type === MESSAGE.finished)
      this.#checkEnd("client", fragment, transcriptOf(session, CLIENT_FINISHED_TRANSCRIPT));
  }

  /** @throws {ProofError} */
  #checkServer({ msg_type, fragment }: HandshakeMessage, last?: HandshakeMessage): void {
    const session = this.#session;
    if (!SERVER_MESSAGES[last?.msg_type ?? 0]?.includes(msg_type))
      throw new ProofError(`sends message ${msg_type} out of order`);
    if (msg_type === MESSAGE.certificate) this.#certificate = readCertificate(fragment);
    else if (msg_type === MESSAGE.serverKeyExchange) {
      const { localRandom, remoteRandom } = session.cipher;
      const randoms = Buffer.concat([localRandom.serialize(), remoteRandom.serialize()]);
      checkServerKeyExchange(this.#key(), fragment, randoms);
    } else if (msg_type === MESSAGE.finished)
      this.#checkEnd("server", fragment, transcriptOf(session, SERVER_FINISHED_TRANSCRIPT));
  }

  /** @throws {ProofError} */
  #key(): KeyObject {
    if (!this.#certificate) throw new ProofError("shows no certificate");
    return keyOf(this.#certificate);
  }

  /** @throws {ProofError} */
  #checkEnd(by: "client" | "server", finished: Buffer, transcript: Buffer): void {
    const { cipher } = this.#session;
    if (!cipher.masterSecret) throw new ProofError("has agreed on no keys");
    checkFinished(by, finished, cipher.masterSecret, transcript);
    try {
      // werift checks the fingerprint of its own copy, which must be the certificate whose key was proved.
      if (!this.#certificate || !cipher.remoteCertificate?.equals(this.#certificate)) throw new Error();
      this.#transport.verifyRemoteCertificateFingerprint();
    } catch {
      throw new ProofError("shows another certificate than its session description names");
    }
  }
}

/** @throws {ProofError} if the transcript has other messages than expected. */
function transcriptOf({ dtls }: InnerSession, expected: RegExp): Buffer {
  const messages = dtls.sortedHandshakeCache;
  const types = messages.map(({ msg_type }) => msg_type).join(" ");
  if (!expected.test(types)) throw new ProofError("omits handshake messages");
  return Buffer.concat(messages.map((message) => message.serialize()));
}
