/** The inner parts of werift's DTLS that are used, as they are in the pinned version. */
import { RTCDtlsTransport } from "werift";
import type { HandshakeMessage } from "./messages.ts";

/** The transport that a session belongs to. */
export interface InnerTransport {
  /** Throws where the peer's certificate has none of the fingerprints of its session description. */
  verifyRemoteCertificateFingerprint(): void;
}

/** A session, of a client or a server. */
export interface InnerSession {
  /** {@link CLIENT} or {@link SERVER}: this side. */
  readonly sessionType: number;
  readonly transport: { readonly socket: { onData: (datagram: Buffer) => void } };
  readonly dtls: InnerContext;
  readonly cipher: {
    /** Undefined until the keys are agreed on. */
    readonly cipher?: unknown;
    readonly masterSecret?: Buffer;
    readonly remoteCertificate?: Buffer;
    readonly localRandom: { serialize(): Buffer };
    readonly remoteRandom: { serialize(): Buffer };
    decryptPacket(record: InnerRecord): Buffer;
  };
  readonly onData: { execute(data: Buffer): void };
  readonly onClose: { execute(): void };
  readonly onError: { execute(error: Error): void };
  onHandleHandshakes(messages: HandshakeMessage[]): Promise<void>;
}

interface InnerContext {
  /** The messages of both sides so far that belong to the transcript, in order. */
  readonly sortedHandshakeCache: readonly Pick<HandshakeMessage, "msg_type" | "serialize">[];
  readonly epoch: number;
  recordSequenceNumber: number;
}

interface InnerRecord {
  readonly recordLayerHeader: {
    readonly contentType: number;
    readonly protocolVersion: { readonly major: number; readonly minor: number };
    readonly epoch: number;
    readonly sequenceNumber: number;
    readonly contentLen: number;
  };
  readonly fragment: Buffer;
}

/** What a session is. */
export const CLIENT = 1;
export const SERVER = 2;

/**
 * Begins a session with nobody, to see whether werift is the version this was written for.
 * @throws where it is not.
 */
export function assertPinnedDtls(): void {
  const nobody = { connection: { onData: { subscribe() {} }, send: async () => {} } };
  const trial = new RTCDtlsTransport({} as never, nobody as never);
  trial.setRemoteParams({ fingerprints: [{ algorithm: "sha-256", value: "00" }], role: "client" });
  trial.role = "server";
  // It waits for a ClientHello that never comes.
  trial.start().catch(() => {});
  assertPinnedSession(trial.dtls as unknown as InnerSession);
}

/** @throws where a session has not what is used of it. */
export function assertPinnedSession(session: InnerSession): void {
  const { sessionType, transport, dtls, cipher, onData, onClose, onError, onHandleHandshakes } =
    session ?? {};
  const isKnown =
    [CLIENT, SERVER].includes(sessionType) &&
    Array.isArray(dtls?.sortedHandshakeCache) &&
    [dtls.epoch, dtls.recordSequenceNumber].every((used) => typeof used === "number") &&
    [
      transport?.socket?.onData,
      cipher?.decryptPacket,
      onData?.execute,
      onClose?.execute,
      onError?.execute,
      onHandleHandshakes,
    ].every((used) => typeof used === "function");
  if (!isKnown) throw new Error("werift is not the version that package.json pins: run `npm install`");
}

/**
 * Has werift give each sealed record a number of its own, which is its nonce (RFC 5288, section 3): it counts from 0
 * again behind its Finished, whose number comes again then.
 */
export function numberOnce(context: InnerContext): void {
  let number = context.recordSequenceNumber;
  Object.defineProperty(context, "recordSequenceNumber", {
    get: () => number,
    set: (next: number) => {
      if (context.epoch === 0 || next > number) number = next;
    },
  });
}
