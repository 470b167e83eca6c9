/** Which DTLS records may reach the handshake (RFC 6347, section 4.1): one that is not ours to hear can end a session. */

const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;
const FIRST_TYPE = 20;
const RECORD_HEADER = 13;
const CLIENT_HELLO = 1;

/**
 * Whether a datagram holds only records that DTLS 1.2 defines, and in the clear only what a handshake needs.
 * @param handshakeDone a ClientHello is refused then: a viewer has no reason to send another.
 */
export function isSoundDtls(datagram: Buffer, handshakeDone: boolean): boolean {
  for (let at = 0; at < datagram.length; ) {
    if (at + RECORD_HEADER > datagram.length) return false;
    const type = datagram[at] ?? 0;
    const epoch = datagram.readUInt16BE(at + 3);
    const length = datagram.readUInt16BE(at + 11);
    if (type < FIRST_TYPE || type > APPLICATION_DATA || at + RECORD_HEADER + length > datagram.length) return false;
    if (epoch === 0) {
      if (type === ALERT || type === APPLICATION_DATA) return false;
      if (handshakeDone && type === HANDSHAKE && datagram[at + RECORD_HEADER] === CLIENT_HELLO) return false;
    }
    at += RECORD_HEADER + length;
  }
  return datagram.length > 0;
}
