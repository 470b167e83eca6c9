/** The two ClientHellos of a client that is asked for a cookie (RFC 6347, section 4.2.1). */
import { ProofError } from "./proof.ts";

/** Extensions that werift's answer depends on: groups, signature algorithms, SRTP profiles, extended master secret. */
const CHOSEN_BY: readonly number[] = [10, 13, 14, 23];

const VERSION_AND_RANDOM = 2 + 32;

/**
 * Checks that the second ClientHello offers what the first does: werift answers the first one, but the transcript that
 * the peer signs has the second one alone.
 * @throws {ProofError}
 */
export function mustOfferTheSame(first: Buffer, second: Buffer): void {
  if (!offerOf(first).equals(offerOf(second)))
    throw new ProofError("offers other parameters in its second ClientHello than in its first");
}

/** What a ClientHello offers: all but its cookie and the extensions that do not matter here. */
function offerOf(hello: Buffer): Buffer {
  const fields = new Fields(hello.subarray(VERSION_AND_RANDOM));
  const session = fields.vector(1);
  fields.vector(1);
  const offer = [hello.subarray(0, VERSION_AND_RANDOM), session, fields.vector(2), fields.vector(1)];
  if (fields.done) return Buffer.concat(offer);
  const extensions = new Fields(fields.vector(2).subarray(2));
  while (!extensions.done) {
    const extension = extensions.extension();
    if (CHOSEN_BY.includes(extension.readUInt16BE(0))) offer.push(extension);
  }
  return Buffer.concat(offer);
}

/** Reads fields one behind the other. */
class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** A vector with its length of so many bytes, which stand behind `skip` others. */
  vector(lengthBytes: 1 | 2, skip = 0): Buffer {
    const from = this.#at;
    const begin = from + skip + lengthBytes;
    const end =
      begin <= this.#bytes.length ? begin + this.#bytes.readUIntBE(begin - lengthBytes, lengthBytes) : begin;
    if (end > this.#bytes.length) throw new ProofError("sends a ClientHello that cannot be read");
    this.#at = end;
    return this.#bytes.subarray(from, end);
  }

  /** An extension: its type and its data. */
  extension(): Buffer {
    return this.vector(2, 2);
  }
}
