/**
 * STUN (RFC 8489) and TURN (RFC 8656). This file has what ICE-lite needs (RFC 8445, section 2.5): it reads connectivity checks,
 * authenticates them and writes the responses; the `turn-` files are a client of TURN servers.
 */
import { timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Address } from "../../network/address.ts";
import {
  ATTRIBUTE,
  type Attribute,
  COOKIE,
  errorCode,
  FAILURE,
  HEADER,
  INTEGRITY_BYTES,
  integrityOf,
  METHOD,
  SUCCESS,
  writeMessage,
  xorAddress,
} from "./message.ts";

const BINDING_SUCCESS = METHOD.binding | SUCCESS;
const BINDING_FAILURE = METHOD.binding | FAILURE;

const MAPPED_ADDRESS = 0x0001;
const PRIORITY = 0x0024;
const USE_CANDIDATE = 0x0025;
const FINGERPRINT = 0x8028;

/** Attributes below this must be understood (RFC 8489, section 14). */
const FIRST_OPTIONAL = 0x8000;

/** Those of STUN and ICE that are understood, though most have no meaning in a check and are ignored. */
const UNDERSTOOD: readonly number[] = [
  MAPPED_ADDRESS,
  ATTRIBUTE.username,
  ATTRIBUTE.errorCode,
  ATTRIBUTE.unknownAttributes,
  ATTRIBUTE.realm,
  ATTRIBUTE.nonce,
  ATTRIBUTE.xorMappedAddress,
  PRIORITY,
  USE_CANDIDATE,
];

const UNKNOWN_ATTRIBUTE = 420;

const FINGERPRINT_BYTES = 8;
const FINGERPRINT_XOR = 0x5354554e;

/** A connectivity check, not yet known to be authentic. */
export interface BindingRequest {
  /** The transaction ID: 12 bytes. */
  readonly transaction: Buffer;
  /** Our half of USERNAME (RFC 8445, section 7.2.2). */
  readonly localFragment: string;
  /** The viewer nominates this candidate pair. */
  readonly useCandidate: boolean;
  /** Types of attributes that must be understood and are not. If there is one, the answer is {@link unknownAttributes}. */
  readonly unknown: readonly number[];
  /** Whether its MESSAGE-INTEGRITY matches this password (RFC 8489, section 14.5). */
  isAuthentic(password: string): boolean;
}

/** Reads a connectivity check; undefined for any other datagram. */
export function readBindingRequest(datagram: Buffer): BindingRequest | undefined {
  if (datagram.length < HEADER || datagram.readUInt16BE(0) !== METHOD.binding) return undefined;
  if (datagram.readUInt32BE(4) !== COOKIE || datagram.readUInt16BE(2) !== datagram.length - HEADER)
    return undefined;
  let localFragment: string | undefined;
  let useCandidate = false;
  const unknown: number[] = [];
  for (let at = HEADER; at + 4 <= datagram.length; ) {
    const type = datagram.readUInt16BE(at);
    const length = datagram.readUInt16BE(at + 2);
    const value = datagram.subarray(at + 4, at + 4 + length);
    if (value.length < length) return undefined;
    if (type === ATTRIBUTE.username) localFragment = value.toString("latin1").split(":")[0];
    if (type === USE_CANDIDATE) useCandidate = true;
    if (type === ATTRIBUTE.messageIntegrity) {
      if (localFragment === undefined || length !== INTEGRITY_BYTES) return undefined;
      // MESSAGE-INTEGRITY does not cover later attributes, so they are not read.
      const isAuthentic = (password: string) => timingSafeEqual(integrityOf(datagram, at, password), value);
      const transaction = datagram.subarray(8, HEADER);
      return { transaction, localFragment, useCandidate, unknown, isAuthentic };
    }
    if (type < FIRST_OPTIONAL && !UNDERSTOOD.includes(type)) unknown.push(type);
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return undefined;
}

/** The success response to a check, with the address that the viewer is seen at. */
export function bindingResponse(request: BindingRequest, seenAt: Address, password: string): Buffer {
  const seen = xorAddress(seenAt, request.transaction);
  return answerTo(BINDING_SUCCESS, request, [[ATTRIBUTE.xorMappedAddress, seen]], password);
}

/** The error response to a check with unknown attributes that must be understood (RFC 8489, section 6.3.1). */
export function unknownAttributes(request: BindingRequest, password: string): Buffer {
  const types = Buffer.from(request.unknown.flatMap((type) => [type >> 8, type & 0xff]));
  const attributes: Attribute[] = [
    [ATTRIBUTE.errorCode, errorCode(UNKNOWN_ATTRIBUTE, "Unknown Attribute")],
    [ATTRIBUTE.unknownAttributes, types],
  ];
  return answerTo(BINDING_FAILURE, request, attributes, password);
}

function answerTo(
  type: number,
  { transaction }: BindingRequest,
  attributes: readonly Attribute[],
  password: string,
): Buffer {
  const message = writeMessage(type, transaction, attributes, password);
  const response = Buffer.concat([message, Buffer.alloc(FINGERPRINT_BYTES)]);
  response.writeUInt16BE(FINGERPRINT, message.length);
  response.writeUInt16BE(4, message.length + 2);
  response.writeUInt16BE(response.length - HEADER, 2);
  const sum = crc32(response.subarray(0, message.length)) ^ FINGERPRINT_XOR;
  response.writeUInt32BE(sum >>> 0, message.length + 4);
  return response;
}
