/**
 * SRTP in plain Node: key derivation (RFC 3711, section 4.3), and encryption by AES counter mode with HMAC-SHA1 (RFC 3711) or
 * by AES-GCM (RFC 7714).
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import { ReplayWindow } from "./replay-window.ts";

/** The protection profiles that browsers negotiate (RFC 5764, section 4.1.2; RFC 7714, section 14.2). */
export type SrtpProfile = "AEAD_AES_128_GCM" | "AES128_CM_HMAC_SHA1_80";

/** Bytes of each profile's master salt and authentication tag. */
export const PROFILES = {
  AEAD_AES_128_GCM: { saltBytes: 12, tagBytes: 16 },
  AES128_CM_HMAC_SHA1_80: { saltBytes: 14, tagBytes: 10 },
} as const;

/** Bytes of an encryption key, in both profiles. */
export const KEY_BYTES = 16;
const AUTH_KEY_BYTES = 20;

/** Master key of one direction, exported from the DTLS handshake: 16 bytes of key, 12 or 14 of salt. */
export interface MasterKey {
  readonly profile: SrtpProfile;
  readonly key: Buffer;
  readonly salt: Buffer;
}

/** Session keys for RTP or for RTCP. */
export interface SessionKeys {
  readonly profile: SrtpProfile;
  /** 16 bytes. */
  readonly key: Buffer;
  /** 12 or 14 bytes. */
  readonly salt: Buffer;
  /** 20 bytes, for HMAC-SHA1; unused with GCM. */
  readonly auth: Buffer;
}

/** The first of the three key derivation labels, for RTP and RTCP (RFC 3711, section 4.3.2). */
const RTP_LABELS = 0;
const RTCP_LABELS = 3;

/** Derives the session keys for RTP and RTCP. They never change: the key derivation rate is 0. */
export function deriveKeys(master: MasterKey): { readonly rtp: SessionKeys; readonly rtcp: SessionKeys } {
  const keysFrom = (label: number): SessionKeys => ({
    profile: master.profile,
    key: derive(master, label, KEY_BYTES),
    auth: derive(master, label + 1, AUTH_KEY_BYTES),
    salt: derive(master, label + 2, PROFILES[master.profile].saltBytes),
  });
  return { rtp: keysFrom(RTP_LABELS), rtcp: keysFrom(RTCP_LABELS) };
}

/** RFC 3711, section 4.3.3. A 12-byte salt is padded with zeros to 14 bytes (RFC 7714, section 11). */
function derive({ key, salt }: MasterKey, label: number, bytes: number): Buffer {
  const counter = Buffer.alloc(16);
  salt.copy(counter);
  counter.writeUInt8(counter.readUInt8(7) ^ label, 7);
  return createCipheriv("aes-128-ctr", key, counter).update(Buffer.alloc(bytes));
}

/**
 * Writes the nonce of an RTP packet: 12 bytes for GCM (RFC 7714, section 8.1), 16 for counter mode (RFC 3711, section
 * 4.1.1).
 * @param index 48 bits: roll-over counter and sequence number.
 */
export function writeNonce(into: Buffer, { profile, salt }: SessionKeys, ssrc: number, index: number): void {
  const rollOver = Math.floor(index / 2 ** 16);
  const sequenceNumber = index % 2 ** 16;
  // In counter mode the fields are two bytes later, and two bytes of block counter follow.
  const at = profile === "AEAD_AES_128_GCM" ? 2 : 4;
  into.fill(0);
  into.set(salt);
  into.writeUInt32BE((into.readUInt32BE(at) ^ ssrc) >>> 0, at);
  into.writeUInt32BE((into.readUInt32BE(at + 4) ^ rollOver) >>> 0, at + 4);
  into.writeUInt16BE(into.readUInt16BE(at + 8) ^ sequenceNumber, at + 8);
}

/** Encrypts and authenticates the RTP packets of one viewer. */
export interface Sealer {
  /**
   * Returns the whole SRTP packet.
   * @param header RTP header with extensions: authenticated, not encrypted.
   * @param index 48 bits: roll-over counter and the header's sequence number.
   * @throws if the sealer is closed.
   */
  seal(header: Buffer, payload: Buffer, index: number): Buffer;
  /** Frees the keys. Repeated calls do nothing. */
  close(): void;
}

/** Seals with Node's `crypto`, on any machine. */
export class NodeSealer implements Sealer {
  readonly #keys: SessionKeys;
  readonly #key: KeyObject;
  readonly #nonce: Buffer;
  #closed = false;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#key = createSecretKey(keys.key);
    this.#nonce = Buffer.alloc(keys.profile === "AEAD_AES_128_GCM" ? 12 : 16);
  }

  seal(header: Buffer, payload: Buffer, index: number): Buffer {
    if (this.#closed) throw new Error("The sealer is closed.");
    writeNonce(this.#nonce, this.#keys, header.readUInt32BE(8), index);
    if (this.#keys.profile === "AEAD_AES_128_GCM") {
      const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce).setAAD(header);
      const sealed = cipher.update(payload);
      cipher.final();
      return Buffer.concat([header, sealed, cipher.getAuthTag()]);
    }
    const sealed = createCipheriv("aes-128-ctr", this.#key, this.#nonce).update(payload);
    const rollOver = Buffer.allocUnsafe(4);
    rollOver.writeUInt32BE(Math.floor(index / 2 ** 16));
    const hmac = createHmac("sha1", this.#keys.auth).update(header).update(sealed).update(rollOver).digest();
    return Buffer.concat([header, sealed, hmac.subarray(0, PROFILES.AES128_CM_HMAC_SHA1_80.tagBytes)]);
  }

  close(): void {
    this.#closed = true;
  }
}

/** Bytes of RTCP header and sender SSRC, which are not encrypted. */
const RTCP_CLEAR_BYTES = 8;

/** E flag, before the 31-bit index: the packet is encrypted (RFC 3711, section 3.4). */
const ENCRYPTED_FLAG = 0x8000_0000;

/** Seals the RTCP packets of one direction (RFC 3711, section 3.4; RFC 7714, section 9). */
export class SrtcpSealer {
  readonly #keys: SessionKeys;
  readonly #key: KeyObject;
  #index = 0;

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#key = createSecretKey(keys.key);
  }

  seal(packet: Buffer): Buffer {
    const index = this.#index;
    this.#index = (index + 1) % ENCRYPTED_FLAG;
    const clear = packet.subarray(0, RTCP_CLEAR_BYTES);
    const indexWord = Buffer.allocUnsafe(4);
    indexWord.writeUInt32BE((ENCRYPTED_FLAG | index) >>> 0);
    const nonce = rtcpNonce(this.#keys, packet.readUInt32BE(4), index);
    if (this.#keys.profile === "AEAD_AES_128_GCM") {
      const cipher = createCipheriv("aes-128-gcm", this.#key, nonce);
      cipher.setAAD(Buffer.concat([clear, indexWord]));
      const sealed = cipher.update(packet.subarray(RTCP_CLEAR_BYTES));
      cipher.final();
      return Buffer.concat([clear, sealed, cipher.getAuthTag(), indexWord]);
    }
    const sealed = createCipheriv("aes-128-ctr", this.#key, nonce).update(packet.subarray(RTCP_CLEAR_BYTES));
    const body = Buffer.concat([clear, sealed, indexWord]);
    return Buffer.concat([body, rtcpTag(this.#keys, body)]);
  }
}

/** Sender SSRCs accepted from one peer. Servers use one per stream. */
const MAX_SENDERS = 64;

/** Decrypts the SRTCP packets of one direction, and rejects replays. */
export class SrtcpOpener {
  readonly #keys: SessionKeys;
  readonly #key: KeyObject;
  /** By sender SSRC: each has its own index (RFC 3711, section 3.2.3). */
  readonly #windows = new Map<number, ReplayWindow>();

  constructor(keys: SessionKeys) {
    this.#keys = keys;
    this.#key = createSecretKey(keys.key);
  }

  /** The decrypted packet; undefined if authentication fails or it is a replay. */
  open(sealed: Buffer): Buffer | undefined {
    const gcm = this.#keys.profile === "AEAD_AES_128_GCM";
    const { tagBytes } = PROFILES[this.#keys.profile];
    if (sealed.length < RTCP_CLEAR_BYTES + 4 + tagBytes) return undefined;
    const wordAt = gcm ? sealed.length - 4 : sealed.length - 4 - tagBytes;
    const indexWord = sealed.readUInt32BE(wordAt);
    if (indexWord < ENCRYPTED_FLAG) return undefined;
    const index = indexWord - ENCRYPTED_FLAG;
    const sender = sealed.readUInt32BE(4);
    const window = this.#windows.get(sender) ?? new ReplayWindow();
    if (window.has(index)) return undefined;
    const packet = gcm ? this.#openGcm(sealed, wordAt, index) : this.#openCounter(sealed, wordAt, index);
    if (!packet || (this.#windows.size >= MAX_SENDERS && !this.#windows.has(sender))) return undefined;
    this.#windows.set(sender, window);
    window.add(index);
    return packet;
  }

  #openGcm(sealed: Buffer, wordAt: number, index: number): Buffer | undefined {
    const tagAt = wordAt - PROFILES.AEAD_AES_128_GCM.tagBytes;
    const clear = sealed.subarray(0, RTCP_CLEAR_BYTES);
    const decipher = createDecipheriv(
      "aes-128-gcm",
      this.#key,
      rtcpNonce(this.#keys, sealed.readUInt32BE(4), index),
    );
    decipher.setAAD(Buffer.concat([clear, sealed.subarray(wordAt)]));
    decipher.setAuthTag(sealed.subarray(tagAt, wordAt));
    try {
      return Buffer.concat([
        clear,
        decipher.update(sealed.subarray(RTCP_CLEAR_BYTES, tagAt)),
        decipher.final(),
      ]);
    } catch {
      return undefined;
    }
  }

  #openCounter(sealed: Buffer, wordAt: number, index: number): Buffer | undefined {
    const body = sealed.subarray(0, wordAt + 4);
    if (!timingSafeEqual(rtcpTag(this.#keys, body), sealed.subarray(wordAt + 4))) return undefined;
    const nonce = rtcpNonce(this.#keys, sealed.readUInt32BE(4), index);
    const decipher = createDecipheriv("aes-128-ctr", this.#key, nonce);
    return Buffer.concat([
      sealed.subarray(0, RTCP_CLEAR_BYTES),
      decipher.update(sealed.subarray(RTCP_CLEAR_BYTES, wordAt)),
    ]);
  }
}

function rtcpNonce({ profile, salt }: SessionKeys, ssrc: number, index: number): Buffer {
  const gcm = profile === "AEAD_AES_128_GCM";
  const nonce = Buffer.alloc(gcm ? 12 : 16);
  nonce.set(salt);
  const [ssrcAt, indexAt] = gcm ? [2, 8] : [4, 10];
  nonce.writeUInt32BE((nonce.readUInt32BE(ssrcAt) ^ ssrc) >>> 0, ssrcAt);
  nonce.writeUInt32BE((nonce.readUInt32BE(indexAt) ^ index) >>> 0, indexAt);
  return nonce;
}

function rtcpTag({ auth }: SessionKeys, body: Buffer): Buffer {
  const hmac = createHmac("sha1", auth).update(body).digest();
  return hmac.subarray(0, PROFILES.AES128_CM_HMAC_SHA1_80.tagBytes);
}
