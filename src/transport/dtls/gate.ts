/** Filters DTLS records (RFC 6347, section 4.1) before werift gets them: a single forged record could end a session. */

const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const FIRST_TYPE = 20;
const RECORD_HEADER = 13;
const CLIENT_HELLO = 1;

/** Bytes that AES-GCM adds to a record: the explicit nonce, which begins with the epoch here, and the tag (RFC 5288). */
const SEALING_OVERHEAD = 8 + 16;

/** Handshake records read from one viewer, retransmissions included. */
const MAX_HANDSHAKE_BYTES = 64 * 1024;

/** The filter of one viewer. */
export class DtlsGate {
  #handshakeDone = false;
  #handshakeBytes = 0;

  /** From now on a ClientHello in the clear is an attack. */
  handshakeDone(): void {
    this.#handshakeDone = true;
  }

  /** The records of a datagram that pass; undefined if none may. */
  pass(datagram: Buffer): Buffer | undefined {
    const records = allowedRecords(datagram, this.#handshakeDone);
    if (!records) return undefined;
    const handshake = records.filter((record) => record[0] === HANDSHAKE);
    for (const { length } of handshake) this.#handshakeBytes += length;
    if (handshake.length > 0 && this.#handshakeBytes > MAX_HANDSHAKE_BYTES) return undefined;
    // Almost always one record, which is the whole datagram.
    return records.length > 1 ? Buffer.concat(records) : records[0];
  }
}

/**
 * The records of a datagram that may pass: those that DTLS 1.2 defines, and in the clear only the handshake's. After the
 * handshake, records in the clear are retransmissions. They are left out: the sealed record after them is enough to request
 * our last flight again.
 * @returns undefined if any record is out of place.
 */
function allowedRecords(datagram: Buffer, handshakeDone: boolean): Buffer[] | undefined {
  const allowed: Buffer[] = [];
  for (let at = 0; at < datagram.length; ) {
    if (at + RECORD_HEADER > datagram.length) return undefined;
    const end = at + RECORD_HEADER + datagram.readUInt16BE(at + 11);
    if (end > datagram.length) return undefined;
    const record = datagram.subarray(at, end);
    at = end;
    const isClear = record.readUInt16BE(3) === 0;
    if (!(isClear ? isAllowedInClear(record, handshakeDone) : isAllowedSealed(record))) return undefined;
    if (!isClear || !handshakeDone) allowed.push(record);
  }
  return allowed;
}

function isAllowedInClear(record: Buffer, handshakeDone: boolean): boolean {
  const type = record[0] ?? 0;
  if (type < FIRST_TYPE || type > HANDSHAKE || type === ALERT) return false;
  // A viewer has no reason to start a second handshake.
  return !(handshakeDone && type === HANDSHAKE && record[RECORD_HEADER] === CLIENT_HELLO);
}

/** werift takes a sealed alert for one in the clear if its first bytes look like one, so those must be a nonce. */
function isAllowedSealed(record: Buffer): boolean {
  const type = record[0] ?? 0;
  if (type < FIRST_TYPE || type > APPLICATION_DATA) return false;
  if (type !== ALERT) return true;
  const isSealed = record.length >= RECORD_HEADER + SEALING_OVERHEAD + 2;
  return isSealed && record.readUInt16BE(RECORD_HEADER) === record.readUInt16BE(3);
}
