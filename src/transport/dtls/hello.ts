/** Compares the two ClientHellos of a cookie exchange (RFC 6347, section 4.2.1). */
import { ProofError } from "./proof.ts";

/** Extensions that werift's choices depend on: groups, signature algorithms, SRTP profiles, extended master secret. */
const NEGOTIATED_EXTENSIONS: readonly number[] = [10, 13, 14, 23];

const VERSION_AND_RANDOM_BYTES = 2 + 32;

/**
 * Checks that the second ClientHello makes the same offer as the first: werift chooses from the first one, but the transcript
 * that the peer signs has only the second.
 * @throws {ProofError} if the offers differ, or one is malformed.
 */
export function requireSameOffer(first: Buffer, second: Buffer): void {
  if (!offerOf(first).equals(offerOf(second)))
    throw new ProofError("offers other parameters in its second ClientHello than in its first");
}

/** The offer in a ClientHello: everything but its cookie and the extensions that are not negotiated here. */
function offerOf(hello: Buffer): Buffer {
  const fields = new Fields(hello.subarray(VERSION_AND_RANDOM_BYTES));
  const session = fields.vector(1);
  fields.vector(1);
  const offer = [hello.subarray(0, VERSION_AND_RANDOM_BYTES), session, fields.vector(2), fields.vector(1)];
  if (fields.done) return Buffer.concat(offer);
  const extensions = new Fields(fields.vector(2).subarray(2));
  while (!extensions.done) {
    const extension = extensions.extension();
    if (NEGOTIATED_EXTENSIONS.includes(extension.readUInt16BE(0))) offer.push(extension);
  }
  return Buffer.concat(offer);
}

/** Reads fields one after another. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A vector whose length has `lengthBytes` bytes, after `skip` other bytes that are included. */
  vector(lengthBytes: 1 | 2, skip = 0): Buffer {
    const from = this.#at;
    const begin = from + skip + lengthBytes;
    const end =
      begin <= this.#bytes.length ? begin + this.#bytes.readUIntBE(begin - lengthBytes, lengthBytes) : begin;
    if (end > this.#bytes.length) throw new ProofError("sends a ClientHello that cannot be read");
    this.#at = end;
    return this.#bytes.subarray(from, end);
  }

  /** An extension: its type, length and data. */
  extension(): Buffer {
    return this.vector(2, 2);
  }
}
