/** Frees memory without waiting for the garbage collector. */

/**
 * Frees the memory of bytes that are no longer used; afterwards they are empty. Bytes in a shared buffer, such as Node's
 * pool, stay as they are.
 *
 * Without this, raw pixels of a publisher trigger a full garbage collection about once a second, which costs more time
 * than all other work on them.
 */
export function releaseMemory({ buffer, byteLength }: Uint8Array): void {
  const ownsBuffer = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength;
  // A buffer cannot be detached twice; a detached one has length 0.
  if (ownsBuffer && byteLength > 0) buffer.transfer(0);
}
