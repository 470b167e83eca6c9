/** Reassembles the peer's handshake messages, in order (RFC 6347, sections 4.2.2 to 4.2.4). */

/** The handshake message types of DTLS 1.2 (RFC 5246, section 7.4; RFC 6347, section 4.3.2). */
export const MESSAGE = {
  clientHello: 1,
  serverHello: 2,
  helloVerifyRequest: 3,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const;

const HEADER = 12;

/** Far above any message in WebRTC, where certificates are self-signed and without a chain. */
const MAX_MESSAGE_BYTES = 16 * 1024;

/** Messages kept from the next expected one on: no flight has more. */
const MAX_FLIGHT = 6;

/** A whole handshake message, in the form that werift accepts. */
export class HandshakeMessage {
  readonly msg_type: number;
  readonly length: number;
  readonly message_seq: number;
  readonly fragment_offset = 0;
  readonly fragment_length: number;
  /** The body. */
  readonly fragment: Buffer;

  constructor(type: number, sequence: number, body: Buffer) {
    this.msg_type = type;
    this.length = body.length;
    this.message_seq = sequence;
    this.fragment_length = body.length;
    this.fragment = body;
  }

  /** Its form in the transcript: as if sent in one fragment (RFC 6347, section 4.2.6). */
  serialize(): Buffer {
    const header = Buffer.alloc(HEADER);
    header.writeUInt8(this.msg_type, 0);
    header.writeUIntBE(this.length, 1, 3);
    header.writeUInt16BE(this.message_seq, 4);
    header.writeUIntBE(this.length, 9, 3);
    return Buffer.concat([header, this.fragment]);
  }

  /** werift logs it. */
  get summary(): string {
    return `message ${this.msg_type}`;
  }
}

/** A fragment of a message. */
interface Fragment {
  readonly type: number;
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** A message with some of its fragments. */
interface Partial {
  readonly type: number;
  readonly body: Buffer;
  /** 1 for each byte received. */
  readonly has: Uint8Array;
  missing: number;
}

/** The result of a record. */
export interface Received {
  /** The messages that are complete and next in sequence. */
  readonly messages: HandshakeMessage[];
  /** Whether the peer retransmits its newest message, because our answer was lost. */
  readonly retransmitted: boolean;
}

/** Reassembles the messages of one peer. */
export class HandshakeReader {
  readonly #partials = new Map<number, Partial>();
  #next = 0;

  /**
   * Reads the body of a handshake record.
   * @param sealed whether the record was encrypted: Finished must be, and is the only one (RFC 5246, section 7.4.9).
   */
  read(record: Buffer, sealed: boolean): Received {
    let retransmitted = false;
    for (const fragment of fragmentsOf(record)) {
      const { type, sequence, offset, bytes, length } = fragment;
      if ((type === MESSAGE.finished) !== sealed) continue;
      if (sequence < this.#next)
        retransmitted ||= sequence === this.#next - 1 && offset + bytes.length === length;
      else if (sequence < this.#next + MAX_FLIGHT) this.#add(fragment);
    }
    return { messages: this.#take(), retransmitted };
  }

  #add({ type, length, sequence, offset, bytes }: Fragment): void {
    const partial = this.#partials.get(sequence) ?? {
      type,
      body: Buffer.alloc(length),
      has: new Uint8Array(length),
      missing: length,
    };
    if (partial.type !== type || partial.body.length !== length) return;
    this.#partials.set(sequence, partial);
    // The first copy of a byte stays: a later fragment cannot change it.
    for (const [n, byte] of bytes.entries()) {
      if (partial.has[offset + n]) continue;
      partial.has[offset + n] = 1;
      partial.body[offset + n] = byte;
      partial.missing--;
    }
  }

  #take(): HandshakeMessage[] {
    const messages: HandshakeMessage[] = [];
    for (;;) {
      const partial = this.#partials.get(this.#next);
      if (!partial || partial.missing > 0) return messages;
      this.#partials.delete(this.#next);
      messages.push(new HandshakeMessage(partial.type, this.#next++, partial.body));
    }
  }
}

/** The fragments in a record, up to the first malformed one. */
function fragmentsOf(record: Buffer): Fragment[] {
  const fragments: Fragment[] = [];
  for (let at = 0; at + HEADER <= record.length; ) {
    const length = record.readUIntBE(at + 1, 3);
    const offset = record.readUIntBE(at + 6, 3);
    const end = at + HEADER + record.readUIntBE(at + 9, 3);
    const bytes = record.subarray(at + HEADER, end);
    if (end > record.length || length > MAX_MESSAGE_BYTES || offset + bytes.length > length) break;
    const [type, sequence] = [record.readUInt8(at), record.readUInt16BE(at + 4)];
    fragments.push({ type, length, sequence, offset, bytes });
    at = end;
  }
  return fragments;
}
