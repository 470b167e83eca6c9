/** Which DTLS records may reach the handshake (RFC 6347, section 4.1): one that is not ours to hear can end a session. */

const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const FIRST_TYPE = 20;
const RECORD_HEADER = 13;
const CLIENT_HELLO = 1;

/** What AES-GCM adds to a record: its explicit nonce, which begins with the epoch here, and its tag (RFC 5288). */
const SEALED_EXTRA = 8 + 16;

/** Handshake records of one viewer, some of them sent again: more are not read. */
const MAX_HANDSHAKE_BYTES = 64 * 1024;

/** Lets the sound records of one viewer pass. */
export class DtlsGate {
  #handshakeDone = false;
  #handshakeBytes = 0;

  /** From now on a ClientHello in the clear can only be an intruder's. */
  handshakeDone(): void {
    this.#handshakeDone = true;
  }

  /** What may be heard of a datagram; undefined where nothing may. */
  pass(datagram: Buffer): Buffer | undefined {
    const records = soundRecords(datagram, this.#handshakeDone);
    if (!records) return undefined;
    const handshake = records.filter((record) => record[0] === HANDSHAKE);
    for (const { length } of handshake) this.#handshakeBytes += length;
    if (handshake.length > 0 && this.#handshakeBytes > MAX_HANDSHAKE_BYTES) return undefined;
    // Almost always one, which is all of it.
    return records.length > 1 ? Buffer.concat(records) : records[0];
  }
}

/**
 * The records of a datagram that may be heard: those that DTLS 1.2 defines, and in the clear only what a handshake
 * needs. Once that is done, records of it in the clear are late copies: they are left out, since the sealed one behind
 * them still asks for our last answer again.
 * @returns undefined where one should not be there at all.
 */
function soundRecords(datagram: Buffer, handshakeDone: boolean): Buffer[] | undefined {
  const sound: Buffer[] = [];
  for (let at = 0; at < datagram.length; ) {
    if (at + RECORD_HEADER > datagram.length) return undefined;
    const end = at + RECORD_HEADER + datagram.readUInt16BE(at + 11);
    if (end > datagram.length) return undefined;
    const record = datagram.subarray(at, end);
    at = end;
    const isClear = record.readUInt16BE(3) === 0;
    if (!(isClear ? isSoundInClear(record, handshakeDone) : isSoundSealed(record))) return undefined;
    if (!isClear || !handshakeDone) sound.push(record);
  }
  return sound;
}

function isSoundInClear(record: Buffer, handshakeDone: boolean): boolean {
  const type = record[0] ?? 0;
  if (type < FIRST_TYPE || type > HANDSHAKE || type === ALERT) return false;
  // A viewer has no reason to send another.
  return !(handshakeDone && type === HANDSHAKE && record[RECORD_HEADER] === CLIENT_HELLO);
}

/** werift takes an alert for one in the clear where its first bytes look like one, whatever its epoch. */
function isSoundSealed(record: Buffer): boolean {
  const type = record[0] ?? 0;
  if (type < FIRST_TYPE || type > APPLICATION_DATA) return false;
  if (type !== ALERT) return true;
  const isSealed = record.length >= RECORD_HEADER + SEALED_EXTRA + 2;
  return isSealed && record.readUInt16BE(RECORD_HEADER) === record.readUInt16BE(3);
}
