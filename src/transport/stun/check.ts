/**
 * STUN (RFC 8489) and TURN (RFC 8656). This file has what ICE-lite needs (RFC 8445, section 2.5): it reads connectivity checks,
 * authenticates them and writes the responses; the `turn-` files are a client of TURN servers.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import { type Address, ipBytes } from "../../network/address.ts";

const HEADER = 20;
const COOKIE = 0x2112a442;
const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;

const USERNAME = 0x0006;
const MESSAGE_INTEGRITY = 0x0008;
const XOR_MAPPED_ADDRESS = 0x0020;
const USE_CANDIDATE = 0x0025;
const FINGERPRINT = 0x8028;

const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;

/** A connectivity check, not yet known to be authentic. */
export interface BindingRequest {
  /** The magic cookie and the transaction ID: 16 bytes. */
  readonly transaction: Buffer;
  /** Our half of USERNAME (RFC 8445, section 7.2.2). */
  readonly localFragment: string;
  /** The viewer nominates this candidate pair. */
  readonly useCandidate: boolean;
  /** Whether its MESSAGE-INTEGRITY matches this password (RFC 8489, section 14.5). */
  isAuthentic(password: string): boolean;
}

/** Reads a connectivity check; undefined for any other datagram. */
export function readBindingRequest(datagram: Buffer): BindingRequest | undefined {
  if (datagram.length < HEADER || datagram.readUInt16BE(0) !== BINDING_REQUEST) return undefined;
  if (datagram.readUInt32BE(4) !== COOKIE || datagram.readUInt16BE(2) !== datagram.length - HEADER)
    return undefined;
  let localFragment: string | undefined;
  let useCandidate = false;
  for (let at = HEADER; at + 4 <= datagram.length; ) {
    const type = datagram.readUInt16BE(at);
    const length = datagram.readUInt16BE(at + 2);
    const value = datagram.subarray(at + 4, at + 4 + length);
    if (value.length < length) return undefined;
    if (type === USERNAME) localFragment = value.toString("latin1").split(":")[0];
    if (type === USE_CANDIDATE) useCandidate = true;
    if (type === MESSAGE_INTEGRITY) {
      if (localFragment === undefined || length !== INTEGRITY_BYTES) return undefined;
      // MESSAGE-INTEGRITY does not cover later attributes, so they are not read.
      const isAuthentic = (password: string) => timingSafeEqual(integrityOf(datagram, at, password), value);
      return { transaction: datagram.subarray(4, HEADER), localFragment, useCandidate, isAuthentic };
    }
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return undefined;
}

/** The success response to a check, with the address that the viewer is seen at. */
export function bindingResponse(request: BindingRequest, seenAt: Address, password: string): Buffer {
  const ip = ipBytes(seenAt.ip);
  const body = HEADER + 8 + ip.length;
  const response = Buffer.alloc(body + 4 + INTEGRITY_BYTES + 8);
  response.writeUInt16BE(BINDING_SUCCESS, 0);
  request.transaction.copy(response, 4);

  response.writeUInt16BE(XOR_MAPPED_ADDRESS, HEADER);
  response.writeUInt16BE(4 + ip.length, HEADER + 2);
  response.writeUInt8(ip.length === 4 ? 1 : 2, HEADER + 5);
  response.writeUInt16BE(seenAt.port ^ (COOKIE >>> 16), HEADER + 6);
  for (const [i, byte] of ip.entries()) response[HEADER + 8 + i] = byte ^ (request.transaction[i] ?? 0);

  response.writeUInt16BE(MESSAGE_INTEGRITY, body);
  response.writeUInt16BE(INTEGRITY_BYTES, body + 2);
  integrityOf(response, body, password).copy(response, body + 4);

  const fingerprint = body + 4 + INTEGRITY_BYTES;
  response.writeUInt16BE(FINGERPRINT, fingerprint);
  response.writeUInt16BE(4, fingerprint + 2);
  response.writeUInt16BE(response.length - HEADER, 2);
  const sum = crc32(response.subarray(0, fingerprint)) ^ FINGERPRINT_XOR;
  response.writeUInt32BE(sum >>> 0, fingerprint + 4);
  return response;
}

/** The HMAC of everything before the attribute, with a message length that ends after it (RFC 8489, section 14.5). */
export function integrityOf(message: Buffer, attributeAt: number, key: string | Buffer): Buffer {
  const covered = Buffer.from(message.subarray(0, attributeAt));
  covered.writeUInt16BE(attributeAt + 4 + INTEGRITY_BYTES - HEADER, 2);
  return createHmac("sha1", key).update(covered).digest();
}
