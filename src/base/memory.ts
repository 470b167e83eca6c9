/** Memory that need not wait for the garbage collector. */

/**
 * Gives back the memory of bytes that nobody reads any more; who does so still finds none.
 *
 * Otherwise the raw pixels of a publisher make the collector search the whole heap about each second, which takes more
 * time than all else that is done with them. Bytes that share their memory with others, as in Node's pool, are left.
 */
export function giveBack({ buffer, byteLength }: Uint8Array): void {
  const own = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  // What is detached already cannot be so again.
  if (own && byteLength > 0) buffer.transfer(0);
}
