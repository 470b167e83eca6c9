/** Seals SRTP packets by the OpenSSL that Node links. */
import {
  KEY_BYTES,
  NodeSealer,
  PROFILES,
  type Sealer,
  type SessionKeys,
  writeNonce,
} from "../../rtp/srtp.ts";
import type { Crypto, Memory, Native, Pointer } from "./ffi.ts";

/** OpenSSL's EVP_CTRL_GCM_GET_TAG. */
const GCM_GET_TAG = 0x10;

/** Layout of the scratch memory: nonce, length output, roll-over counter, HMAC output. */
const LENGTH_OFFSET = 16;
const ROLL_OVER_OFFSET = 40;
const HMAC_OFFSET = 48;
const SCRATCH_BYTES = 96;

/** Seals packets in the memory that they are sent from, without a copy. */
export class NativeSealer implements Sealer {
  readonly #crypto: Crypto;
  readonly #keys: SessionKeys;
  readonly #plain: NodeSealer;
  readonly #scratch: Memory;
  readonly #nonce: Buffer;
  #cipher: Pointer;
  #hmac: Pointer = 0;

  constructor({ crypto, allocate }: Native, keys: SessionKeys) {
    this.#crypto = crypto;
    this.#keys = keys;
    this.#plain = new NodeSealer(keys);
    this.#scratch = allocate(SCRATCH_BYTES);
    this.#cipher = crypto.newContext();
    const { bytes, at } = this.#scratch;
    const gcm = keys.profile === "AEAD_AES_128_GCM";
    this.#nonce = bytes.subarray(0, gcm ? 12 : 16);
    bytes.set(keys.key, LENGTH_OFFSET);
    const keyed = crypto.init(this.#cipher, gcm ? crypto.gcm() : crypto.ctr(), 0, at + LENGTH_OFFSET, 0);
    bytes.fill(0, LENGTH_OFFSET, LENGTH_OFFSET + KEY_BYTES);
    if (!gcm) {
      this.#hmac = crypto.newHmac();
      bytes.set(keys.auth, HMAC_OFFSET);
      crypto.hmacInit(this.#hmac, at + HMAC_OFFSET, keys.auth.length, crypto.sha1(), 0);
      bytes.fill(0, HMAC_OFFSET);
    }
    if (keyed !== 1) throw new Error("OpenSSL does not accept the keys");
  }

  /** Bytes that the profile adds to a packet. */
  get tagBytes(): number {
    return PROFILES[this.#keys.profile].tagBytes;
  }

  seal(header: Buffer, payload: Buffer, index: number): Buffer {
    return this.#plain.seal(header, payload, index);
  }

  /**
   * Encrypts the body of a packet in `memory` and writes the tag behind it.
   * @param from where the packet starts, in bytes.
   * @param index 48 bits: roll-over counter and sequence number.
   * @throws if the sealer is closed or OpenSSL fails.
   */
  sealInPlace(
    { bytes, at }: Memory,
    from: number,
    headerBytes: number,
    bodyBytes: number,
    index: number,
  ): void {
    if (this.#cipher === 0) throw new Error("The sealer is closed.");
    const crypto = this.#crypto;
    const scratch = this.#scratch.at;
    const [header, body] = [at + from, at + from + headerBytes];
    const tag = body + bodyBytes;
    writeNonce(this.#nonce, this.#keys, bytes.readUInt32BE(from + 8), index);
    let done = crypto.init(this.#cipher, 0, 0, 0, scratch);
    if (this.#hmac === 0) {
      done &= crypto.update(this.#cipher, 0, scratch + LENGTH_OFFSET, header, headerBytes);
      done &= crypto.update(this.#cipher, body, scratch + LENGTH_OFFSET, body, bodyBytes);
      done &= crypto.finish(this.#cipher, tag, scratch + LENGTH_OFFSET);
      done &= crypto.control(this.#cipher, GCM_GET_TAG, this.tagBytes, tag);
    } else {
      done &= crypto.update(this.#cipher, body, scratch + LENGTH_OFFSET, body, bodyBytes);
      this.#scratch.bytes.writeUInt32BE(Math.floor(index / 2 ** 16), ROLL_OVER_OFFSET);
      done &= crypto.hmacInit(this.#hmac, 0, 0, 0, 0);
      done &= crypto.hmacUpdate(this.#hmac, header, headerBytes + bodyBytes);
      done &= crypto.hmacUpdate(this.#hmac, scratch + ROLL_OVER_OFFSET, 4);
      done &= crypto.hmacFinish(this.#hmac, scratch + HMAC_OFFSET, scratch + LENGTH_OFFSET);
      this.#scratch.bytes.copy(
        bytes,
        from + headerBytes + bodyBytes,
        HMAC_OFFSET,
        HMAC_OFFSET + this.tagBytes,
      );
    }
    // A packet that was not encrypted must not be sent.
    if (done !== 1) throw new Error("OpenSSL failed to seal a packet");
  }

  close(): void {
    this.#plain.close();
    if (this.#cipher !== 0) this.#crypto.freeContext(this.#cipher);
    if (this.#hmac !== 0) this.#crypto.freeHmac(this.#hmac);
    this.#cipher = 0;
    this.#hmac = 0;
  }
}
