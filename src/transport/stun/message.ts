/** Writes and reads STUN messages (RFC 8489, section 5) with the methods and attributes of TURN (RFC 8656), as a client. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { type Address, ipBytes } from "../../network/address.ts";

/** Bytes of a header: type, length, cookie and transaction ID. */
export const HEADER = 20;
/** The magic cookie that every message has. */
export const COOKIE = 0x2112a442;
/** Bytes of an HMAC in MESSAGE-INTEGRITY. */
export const INTEGRITY_BYTES = 20;

/** Methods, as in the type of a request. */
export const METHOD = {
  binding: 0x0001,
  allocate: 0x0003,
  refresh: 0x0004,
  createPermission: 0x0008,
  channelBind: 0x0009,
} as const;

/** One of {@link METHOD}. */
export type Method = (typeof METHOD)[keyof typeof METHOD];

/** Type of a message that carries a datagram to a peer (RFC 8656, section 11.1). */
export const SEND_INDICATION = 0x0016;
/** Type of a message that carries a datagram from a peer (RFC 8656, section 11.4). */
export const DATA_INDICATION = 0x0017;

/** The class bits in the type of a success response. */
export const SUCCESS = 0x0100;
/** The class bits in the type of an error response. */
export const FAILURE = 0x0110;

/** Attribute types. */
export const ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedTransport: 0x0019,
  xorMappedAddress: 0x0020,
} as const;

/** An attribute to write. */
export type Attribute = readonly [type: number, value: Buffer];

/** A message that was read. */
export interface StunMessage {
  readonly type: number;
  /** The transaction ID: 12 bytes. */
  readonly transaction: Buffer;
  /** By type; the first of each. */
  readonly attributes: ReadonlyMap<number, Buffer>;
  /** Whether its MESSAGE-INTEGRITY matches this key; undefined if it has none. */
  isAuthentic(key: Buffer): boolean | undefined;
}

/**
 * Writes a message.
 * @param key adds a MESSAGE-INTEGRITY; indications have none.
 */
export function writeMessage(
  type: number,
  transaction: Buffer,
  attributes: readonly Attribute[],
  key?: string | Buffer,
): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(type, 0);
  header.writeUInt32BE(COOKIE, 4);
  transaction.copy(header, 8);
  const body = attributes.flatMap(([kind, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(kind, 0);
    head.writeUInt16BE(value.length, 2);
    return [head, value, Buffer.alloc(-value.length & 3)];
  });
  const room = Buffer.alloc(key ? 4 + INTEGRITY_BYTES : 0);
  const message = Buffer.concat([header, ...body, room]);
  message.writeUInt16BE(message.length - HEADER, 2);
  if (key) {
    const at = message.length - room.length;
    message.writeUInt16BE(ATTRIBUTE.messageIntegrity, at);
    message.writeUInt16BE(INTEGRITY_BYTES, at + 2);
    integrityOf(message, at, key).copy(message, at + 4);
  }
  return message;
}

/** The HMAC of everything before the attribute, with a message length that ends after it (RFC 8489, section 14.5). */
export function integrityOf(message: Buffer, attributeAt: number, key: string | Buffer): Buffer {
  const covered = Buffer.from(message.subarray(0, attributeAt));
  covered.writeUInt16BE(attributeAt + 4 + INTEGRITY_BYTES - HEADER, 2);
  return createHmac("sha1", key).update(covered).digest();
}

/** Reads a message; undefined if the datagram is none. */
export function readMessage(datagram: Buffer): StunMessage | undefined {
  if (datagram.length < HEADER || (datagram[0] ?? 255) > 0x3f || datagram.readUInt32BE(4) !== COOKIE)
    return undefined;
  if (datagram.readUInt16BE(2) !== datagram.length - HEADER) return undefined;
  const attributes = new Map<number, Buffer>();
  let isAuthentic: StunMessage["isAuthentic"] = () => undefined;
  for (let at = HEADER; at + 4 <= datagram.length; ) {
    const type = datagram.readUInt16BE(at);
    const value = datagram.subarray(at + 4, at + 4 + datagram.readUInt16BE(at + 2));
    if (value.length < datagram.readUInt16BE(at + 2)) return undefined;
    if (type === ATTRIBUTE.messageIntegrity) {
      const start = at;
      isAuthentic = (key) =>
        value.length === INTEGRITY_BYTES && timingSafeEqual(integrityOf(datagram, start, key), value);
      // MESSAGE-INTEGRITY does not cover later attributes.
      break;
    }
    if (!attributes.has(type)) attributes.set(type, value);
    at += 4 + Math.ceil(value.length / 4) * 4;
  }
  return {
    type: datagram.readUInt16BE(0),
    transaction: datagram.subarray(8, HEADER),
    attributes,
    isAuthentic,
  };
}

/** An address as XOR-MAPPED-ADDRESS has it (RFC 8489, section 14.2); TURN's addresses have the same form. */
export function xorAddress({ ip, port }: Address, transaction: Buffer): Buffer {
  const bytes = ipBytes(ip);
  const value = Buffer.alloc(4 + bytes.length);
  value.writeUInt8(bytes.length === 4 ? 1 : 2, 1);
  value.writeUInt16BE(port ^ (COOKIE >>> 16), 2);
  mask(transaction, bytes.length).forEach((byte, i) => {
    value[4 + i] = byte ^ (bytes[i] ?? 0);
  });
  return value;
}

/** Reads an address; undefined if the value is malformed. */
export function readXorAddress(value: Buffer | undefined, transaction: Buffer): Address | undefined {
  if (!value || value.length !== (value[1] === 1 ? 8 : 20)) return undefined;
  const bytes = Buffer.from(mask(transaction, value.length - 4).map((byte, i) => byte ^ (value[4 + i] ?? 0)));
  const port = value.readUInt16BE(2) ^ (COOKIE >>> 16);
  if (bytes.length === 4) return { ip: bytes.join("."), port };
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  // URL writes the shortest form.
  return { ip: new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1), port };
}

/** Writes ERROR-CODE (RFC 8489, section 14.8). */
export function errorCode(code: number, reason: string): Buffer {
  return Buffer.concat([Buffer.from([0, 0, Math.floor(code / 100), code % 100]), Buffer.from(reason)]);
}

/** Reads ERROR-CODE (RFC 8489, section 14.8); the reason is printable ASCII. Code 0 if the response has none. */
export function readErrorCode({ attributes }: StunMessage): { code: number; reason: string } {
  const value = attributes.get(ATTRIBUTE.errorCode);
  if (!value || value.length < 4) return { code: 0, reason: "an error without a code" };
  const code = ((value[2] ?? 0) & 7) * 100 + (value[3] ?? 0);
  return {
    code,
    reason: value
      .subarray(4, 4 + 128)
      .toString("utf8")
      .replace(/[^\x20-\x7e]/g, ""),
  };
}

function mask(transaction: Buffer, length: number): Buffer {
  const cookie = Buffer.alloc(4);
  cookie.writeUInt32BE(COOKIE);
  return Buffer.from(Buffer.concat([cookie, transaction]).subarray(0, length));
}

/** A 32-bit number as the value of an attribute. */
export function number32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
