/** The C functions that this folder calls, through koffi. Pointers are plain numbers. */

/** A native address. It is below 2^47 on x64 and arm64, so a number holds it exactly. */
export type Pointer = number;

/** OpenSSL's `EVP_*` and `HMAC_*` functions. An `int` result of 1 means success. */
export interface Crypto {
  newContext(): Pointer;
  freeContext(context: Pointer): void;
  gcm(): Pointer;
  ctr(): Pointer;
  init(context: Pointer, cipher: Pointer, engine: Pointer, key: Pointer, nonce: Pointer): number;
  update(context: Pointer, out: Pointer, outLength: Pointer, from: Pointer, length: number): number;
  finish(context: Pointer, out: Pointer, outLength: Pointer): number;
  control(context: Pointer, what: number, length: number, at: Pointer): number;
  newHmac(): Pointer;
  freeHmac(context: Pointer): void;
  sha1(): Pointer;
  hmacInit(context: Pointer, key: Pointer, length: number, digest: Pointer, engine: Pointer): number;
  hmacUpdate(context: Pointer, from: Pointer, length: number): number;
  hmacFinish(context: Pointer, out: Pointer, outLength: Pointer): number;
}

/** The system calls in use. A result of -1 means failure, and `errno` says why. */
export interface System {
  socket(domain: number, type: number, protocol: number): number;
  setOption(socket: number, level: number, name: number, value: Pointer, length: number): number;
  /** @param length the address of the length of the value: it is read and written. */
  getOption(socket: number, level: number, name: number, value: Pointer, length: Pointer): number;
  bind(socket: number, address: Pointer, length: number): number;
  connect(socket: number, address: Pointer, length: number): number;
  close(socket: number): number;
  send(socket: number, messages: Pointer, count: number, flags: number): number;
  errno(): number;
}

/** Memory that native code may read and write. */
export interface Memory {
  readonly bytes: Buffer;
  readonly at: Pointer;
}

/** The functions, and the memory to call them with. */
export interface Native {
  readonly crypto: Crypto;
  readonly system: System;
  /** The garbage collector frees the memory with the returned object: keep it while native code may use the address. */
  allocate(bytes: number): Memory;
}

/**
 * Looks up all functions in this process.
 * @throws an error if koffi does not load or a function is missing.
 */
export async function loadFunctions(): Promise<Native> {
  const { default: koffi } = await import("koffi");
  // null is the process itself: a second OpenSSL next to the one that Node links would crash it.
  const library = koffi.load(null);
  const P = "uintptr_t";
  const define = (name: string, result: string, parameters: string[]) =>
    library.func(name, result, parameters);
  return {
    crypto: {
      newContext: define("EVP_CIPHER_CTX_new", P, []),
      freeContext: define("EVP_CIPHER_CTX_free", "void", [P]),
      gcm: define("EVP_aes_128_gcm", P, []),
      ctr: define("EVP_aes_128_ctr", P, []),
      init: define("EVP_EncryptInit_ex", "int", [P, P, P, P, P]),
      update: define("EVP_EncryptUpdate", "int", [P, P, P, P, "int"]),
      finish: define("EVP_EncryptFinal_ex", "int", [P, P, P]),
      control: define("EVP_CIPHER_CTX_ctrl", "int", [P, "int", "int", P]),
      newHmac: define("HMAC_CTX_new", P, []),
      freeHmac: define("HMAC_CTX_free", "void", [P]),
      sha1: define("EVP_sha1", P, []),
      hmacInit: define("HMAC_Init_ex", "int", [P, P, "int", P, P]),
      hmacUpdate: define("HMAC_Update", "int", [P, P, "size_t"]),
      hmacFinish: define("HMAC_Final", "int", [P, P, P]),
    },
    system: {
      socket: define("socket", "int", ["int", "int", "int"]),
      setOption: define("setsockopt", "int", ["int", "int", "int", P, "uint32_t"]),
      getOption: define("getsockopt", "int", ["int", "int", "int", P, P]),
      bind: define("bind", "int", ["int", P, "uint32_t"]),
      connect: define("connect", "int", ["int", P, "uint32_t"]),
      close: define("close", "int", ["int"]),
      send: define("sendmmsg", "int", ["int", P, "uint32_t", "int"]),
      errno: () => koffi.errno(),
    },
    allocate(bytes) {
      const memory = new ArrayBuffer(bytes);
      return { bytes: Buffer.from(memory), at: Number(koffi.address(new Uint8Array(memory))) };
    },
  };
}
