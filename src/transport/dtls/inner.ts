/** The inner parts of werift's DTLS that we use, as in the pinned version, and a check that they are there. */
import { RTCDtlsTransport } from "werift";
import type { HandshakeMessage } from "./messages.ts";

/** The transport that a session belongs to. */
export interface InnerTransport {
  /** Throws if the peer's certificate has none of the fingerprints in its session description. */
  verifyRemoteCertificateFingerprint(): void;
}

/** A DTLS session of a client or a server. */
export interface InnerSession {
  /** The role of our side: {@link CLIENT} or {@link SERVER}. */
  readonly sessionType: number;
  readonly transport: { readonly socket: { onData: (datagram: Buffer) => void } };
  readonly dtls: InnerContext;
  readonly cipher: {
    /** Undefined before the keys are derived. */
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
  /** The transcript so far: the messages of both sides, in order. */
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

/** The session type of a client. */
export const CLIENT = 1;
/** The session type of a server. */
export const SERVER = 2;

/**
 * Starts a session without a peer, to check werift's inner parts.
 * @throws if the installed werift is not the pinned version.
 */
export function assertPinnedDtls(): void {
  const nobody = { connection: { onData: { subscribe() {} }, send: async () => {} } };
  const trial = new RTCDtlsTransport({} as never, nobody as never);
  trial.setRemoteParams({ fingerprints: [{ algorithm: "sha-256", value: "00" }], role: "client" });
  trial.role = "server";
  // The session waits for a ClientHello that never arrives.
  trial.start().catch(() => {});
  assertPinnedSession(trial.dtls as unknown as InnerSession);
}

/**
 * Checks that a session has the parts that we use.
 * @throws if it lacks one: the installed werift is not the pinned version.
 */
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
 * Makes werift number each sealed record uniquely: the number is the record's nonce (RFC 5288, section 3). werift restarts
 * at 0 after its Finished, which would use that number twice.
 */
export function forceUniqueNonces(context: InnerContext): void {
  let number = context.recordSequenceNumber;
  Object.defineProperty(context, "recordSequenceNumber", {
    get: () => number,
    set: (next: number) => {
      if (context.epoch === 0 || next > number) number = next;
    },
  });
}
