/**
 * What a peer must say in a handshake, and in which order: every message is checked before werift takes it. As a server
 * we demand the client's certificate, as a client the server's (RFC 8827, section 6.5).
 */
import type { KeyObject } from "node:crypto";
import { mustOfferTheSame } from "./hello.ts";
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

/** The order of the messages of a client that must show a certificate (RFC 5246, section 7.3). */
const OF_CLIENT: readonly number[] = [
  MESSAGE.clientHello,
  MESSAGE.clientHello,
  MESSAGE.certificate,
  MESSAGE.clientKeyExchange,
  MESSAGE.certificateVerify,
  MESSAGE.finished,
];

/** What may follow each message of a server; 0 is the beginning. */
const OF_SERVER: Readonly<Record<number, readonly number[]>> = {
  0: [MESSAGE.helloVerifyRequest, MESSAGE.serverHello],
  [MESSAGE.helloVerifyRequest]: [MESSAGE.serverHello],
  [MESSAGE.serverHello]: [MESSAGE.certificate],
  [MESSAGE.certificate]: [MESSAGE.serverKeyExchange],
  [MESSAGE.serverKeyExchange]: [MESSAGE.certificateRequest, MESSAGE.serverHelloDone],
  [MESSAGE.certificateRequest]: [MESSAGE.serverHelloDone],
  [MESSAGE.serverHelloDone]: [MESSAGE.finished],
};

/** The messages that must be in werift's transcript, both sides', when CertificateVerify or Finished is checked. */
const SIGNED_BY_CLIENT = /^1 2 11 12 13 14 11 16$/;
const FINISHED_BY_CLIENT = /^1 2 11 12 13 14 11 16 15$/;
const FINISHED_BY_SERVER = /^1 2 11 12 (13 14 11 16 15|14 16) 20$/;

/** The peer of one session, as far as it has proved itself. */
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
   * Checks the next message. After Finished all is proven.
   * @throws {ProofError}
   */
  check(message: HandshakeMessage): void {
    if (this.#session.sessionType === SERVER) this.#checkClient(message, this.#last);
    else this.#checkServer(message, this.#last);
    this.#last = message;
  }

  /** @throws {ProofError} */
  #checkClient({ msg_type, message_seq, fragment }: HandshakeMessage, last?: HandshakeMessage): void {
    const session = this.#session;
    if (msg_type !== OF_CLIENT[message_seq]) throw new ProofError(`sends message ${msg_type} out of order`);
    if (msg_type === MESSAGE.clientHello && last) mustOfferTheSame(last.fragment, fragment);
    else if (msg_type === MESSAGE.certificate) this.#certificate = readCertificate(fragment);
    else if (msg_type === MESSAGE.certificateVerify)
      checkCertificateVerify(this.#key(), fragment, transcriptOf(session, SIGNED_BY_CLIENT));
    else if (msg_type === MESSAGE.finished)
      this.#checkEnd("client", fragment, transcriptOf(session, FINISHED_BY_CLIENT));
  }

  /** @throws {ProofError} */
  #checkServer({ msg_type, fragment }: HandshakeMessage, last?: HandshakeMessage): void {
    const session = this.#session;
    if (!OF_SERVER[last?.msg_type ?? 0]?.includes(msg_type))
      throw new ProofError(`sends message ${msg_type} out of order`);
    if (msg_type === MESSAGE.certificate) this.#certificate = readCertificate(fragment);
    else if (msg_type === MESSAGE.serverKeyExchange) {
      const { localRandom, remoteRandom } = session.cipher;
      const randoms = Buffer.concat([localRandom.serialize(), remoteRandom.serialize()]);
      checkServerKeyExchange(this.#key(), fragment, randoms);
    } else if (msg_type === MESSAGE.finished)
      this.#checkEnd("server", fragment, transcriptOf(session, FINISHED_BY_SERVER));
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
      // werift compares the certificate that it has, which must be the one whose key is proven.
      if (!this.#certificate || !cipher.remoteCertificate?.equals(this.#certificate)) throw new Error();
      this.#transport.verifyRemoteCertificateFingerprint();
    } catch {
      throw new ProofError("shows another certificate than its session description names");
    }
  }
}

/** @throws {ProofError} where other messages were exchanged than belong there. */
function transcriptOf({ dtls }: InnerSession, expected: RegExp): Buffer {
  const messages = dtls.sortedHandshakeCache;
  const types = messages.map(({ msg_type }) => msg_type).join(" ");
  if (!expected.test(types)) throw new ProofError("leaves messages of the handshake out");
  return Buffer.concat(messages.map((message) => message.serialize()));
}
