/**
 * Seals and sends media by native calls (Linux): AES by Node's own OpenSSL, many datagrams per `sendmmsg`. Before use it is
 * compared byte for byte with plain Node. No pointer leaves this folder.
 */
import { endianness } from "node:os";
import { systemClock } from "../../../base/clock.ts";
import { PROFILES, type SessionKeys } from "../../rtp/srtp.ts";
import type { MediaIo } from "../io.ts";
import { loadFunctions, type Native } from "./ffi.ts";
import { NativeSealer } from "./sealer.ts";
import { canSegment } from "./segmentation.ts";
import { NativeSender } from "./sender.ts";
import { bindNative } from "./socket.ts";

/**
 * Loads the native functions and tests them on this machine.
 * @throws an error that says what is missing.
 */
export async function loadNativeIo(): Promise<MediaIo> {
  if (process.platform !== "linux") throw new Error("native sending requires Linux");
  if (endianness() !== "LE" || !["x64", "arm64"].includes(process.arch))
    throw new Error("native sending requires a little-endian x64 or arm64 CPU");
  const native = await loadFunctions();
  for (const profile of Object.keys(PROFILES) as (keyof typeof PROFILES)[]) compareWithPlain(native, profile);
  const segmentation = await testSegmentation(native);
  return {
    name: "native",
    segmentation,
    sealerOf: (keys) => new NativeSealer(native, keys),
    bind: (options) => bindNative(native, options, segmentation),
    share: (fd) => new NativeSender(native, { fd, segmentation }),
  };
}

/** @throws if native sealing differs from plain Node in a single byte. */
function compareWithPlain(native: Native, profile: SessionKeys["profile"]): void {
  const fill = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 37 + 11) & 0xff));
  const keys = { profile, key: fill(16), salt: fill(PROFILES[profile].saltBytes), auth: fill(20) };
  const sealer = new NativeSealer(native, keys);
  const memory = native.allocate(2048);
  for (const [headerBytes, bodyBytes, index] of [
    [12, 1, 1],
    [24, 1180, 2 ** 33 + 5],
  ] as const) {
    const packet = fill(headerBytes + bodyBytes);
    packet.copy(memory.bytes);
    sealer.sealInPlace(memory, 0, headerBytes, bodyBytes, index);
    const expected = sealer.seal(packet.subarray(0, headerBytes), packet.subarray(headerBytes), index);
    if (!expected.equals(memory.bytes.subarray(0, expected.length)))
      throw new Error(`native ${profile} differs from plain Node`);
  }
  sealer.close();
}

async function testSegmentation(native: Native): Promise<boolean> {
  const sealer = new NativeSealer(native, {
    profile: "AEAD_AES_128_GCM",
    key: Buffer.alloc(16),
    salt: Buffer.alloc(12),
    auth: Buffer.alloc(20),
  });
  try {
    return await canSegment({
      clock: systemClock,
      sealer,
      bind: (options) => bindNative(native, options, true),
    });
  } finally {
    sealer.close();
  }
}
