/**
 * Guards werift's DTLS, which does not authenticate its peer. This room replaces the receiving side of a session: werift
 * still derives keys and answers, but gets only messages that are in order and prove what they must. Data passes once the
 * peer has proved its certificate's key and both sides saw the same handshake.
 */
import type { RTCDtlsTransport } from "werift";
import { ReplayWindow } from "../rtp/replay-window.ts";
import { PeerProof } from "./handshake.ts";
import {
  assertPinnedSession,
  forceUniqueNonces,
  type InnerSession,
  type InnerTransport,
  SERVER,
} from "./inner.ts";
import { type HandshakeMessage, HandshakeReader, MESSAGE } from "./messages.ts";
import { ProofError } from "./proof.ts";

/** The events of a guarded session. None of these may throw. */
export interface GuardEvents {
  /** The handshake is refused, and its later packets are dropped. `why` completes a sentence that begins with "the peer". */
  refused(why: string): void;
  /** A record arrived that only the peer can have sent, and is no replay. */
  authentic?(): void;
}

const RECORD_HEADER = 13;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const CLOSE_NOTIFY = 0;
const FATAL = 2;

/** A session that has begun, and what its peer has proved. */
interface Begun {
  readonly session: InnerSession;
  readonly peer: PeerProof;
}

/** The last messages of a peer's flights: retransmitted, they request our last flight again (RFC 6347, section 4.2.4). */
const ANSWERED_BY_SERVER: readonly number[] = [MESSAGE.clientHello, MESSAGE.finished];
const ANSWERED_BY_CLIENT: readonly number[] = [MESSAGE.serverHelloDone];

/** Guards the session of a transport. Call it before the session begins. */
export function guardDtls(transport: RTCDtlsTransport, events: GuardEvents): GuardedDtls {
  const guarded = new GuardedDtls(transport as unknown as InnerTransport, events);
  let session = transport.dtls;
  Object.defineProperty(transport, "dtls", {
    configurable: true,
    get: () => session,
    set: (begun: typeof session) => {
      guarded.begin(begun as unknown as InnerSession);
      session = begun;
    },
  });
  return guarded;
}

/** The guard of one session. */
export class GuardedDtls {
  readonly #transport: InnerTransport;
  readonly #events: GuardEvents;
  readonly #reader = new HandshakeReader();
  readonly #window = new ReplayWindow();
  #begun: Begun | undefined;
  #state: "unproven" | "proven" | "refused" = "unproven";

  constructor(transport: InnerTransport, events: GuardEvents) {
    this.#transport = transport;
    this.#events = events;
  }

  /**
   * Replaces the receiver of a session that begins.
   * @throws if the installed werift is not the pinned version.
   */
  begin(session: InnerSession): void {
    assertPinnedSession(session);
    forceUniqueNonces(session.dtls);
    this.#begun = { session, peer: new PeerProof(this.#transport, session) };
    session.transport.socket.onData = (datagram) => this.receive(datagram);
  }

  /** Takes a DTLS datagram. Drops it if the session has not begun, or is refused. */
  receive(datagram: Buffer): void {
    for (let at = 0; at + RECORD_HEADER <= datagram.length; ) {
      const end = at + RECORD_HEADER + datagram.readUInt16BE(at + 11);
      if (!this.#begun || this.#state === "refused" || end > datagram.length) return;
      this.#takeRecord(this.#begun, datagram.subarray(at, end));
      at = end;
    }
  }

  #takeRecord(begun: Begun, record: Buffer): void {
    const { session } = begun;
    const [type, epoch] = [record.readUInt8(0), record.readUInt16BE(3)];
    if (epoch === 0) {
      // Only handshake messages are read in the clear: an alert there may be forged.
      if (type === HANDSHAKE && this.#state === "unproven")
        this.#takeHandshake(begun, record.subarray(RECORD_HEADER), false);
      return;
    }
    const opened = this.#open(session, record);
    if (!opened) return;
    if (type === HANDSHAKE) this.#takeHandshake(begun, opened, true);
    else if (this.#state === "proven" && type === APPLICATION_DATA)
      // A malformed packet must not end the session.
      quietly(() => session.onData.execute(opened));
    else if (this.#state === "proven" && type === ALERT && isEnd(opened))
      quietly(() => session.onClose.execute());
    if (this.#state === "proven") this.#events.authentic?.();
  }

  /** Decrypts a record; undefined if it is forged or replayed. */
  #open({ cipher }: InnerSession, record: Buffer): Buffer | undefined {
    const [epoch, number] = [record.readUInt16BE(3), record.readUIntBE(5, 6)];
    if (epoch !== 1 || !cipher.cipher || this.#window.has(number)) return undefined;
    const recordLayerHeader = {
      contentType: record.readUInt8(0),
      protocolVersion: { major: record.readUInt8(1), minor: record.readUInt8(2) },
      epoch,
      sequenceNumber: number,
      contentLen: record.length - RECORD_HEADER,
    };
    try {
      const opened = cipher.decryptPacket({ recordLayerHeader, fragment: record.subarray(RECORD_HEADER) });
      this.#window.add(number);
      return opened;
    } catch {
      return undefined;
    }
  }

  #takeHandshake({ session, peer }: Begun, body: Buffer, sealed: boolean): void {
    const { messages, retransmitted } = this.#reader.read(body, sealed);
    const answered = session.sessionType === SERVER ? ANSWERED_BY_SERVER : ANSWERED_BY_CLIENT;
    if (retransmitted && peer.last && answered.includes(peer.last.msg_type)) pass(session, peer.last);
    for (const message of messages) {
      // There is no second handshake.
      if (this.#state !== "unproven") return;
      try {
        peer.check(message);
      } catch (error) {
        this.#state = "refused";
        this.#events.refused(error instanceof ProofError ? error.message : "sends what cannot be read");
        return;
      }
      if (message.msg_type === MESSAGE.finished) this.#state = "proven";
      pass(session, message);
    }
  }
}

/** Gives werift a message, as its own reader would. */
function pass(session: InnerSession, message: HandshakeMessage): void {
  session.onHandleHandshakes([message]).catch((error) => session.onError.execute(error));
}

/** Whether an alert ends the session (RFC 5246, section 7.2). */
function isEnd(alert: Buffer): boolean {
  return alert[0] === FATAL || alert[1] === CLOSE_NOTIFY;
}

function quietly(act: () => void): void {
  try {
    act();
  } catch {}
}
