/** TUN devices: network interfaces whose other side is this process (Linux). */
import { closeSync, constants, openSync } from "node:fs";
import { setPriority } from "node:os";
import koffi from "koffi";

const library = koffi.load(null);
const define = (name: string, result: string, parameters: string[]) => library.func(name, result, parameters);
const calls = {
  setns: define("setns", "int", ["int", "int"]),
  ioctl: define("ioctl", "int", ["int", "unsigned long", "void *"]),
  ppoll: define("ppoll", "int", ["void *", "unsigned long", "void *", "void *"]),
  read: define("read", "int64_t", ["int", "void *", "size_t"]),
  write: define("write", "int64_t", ["int", "void *", "size_t"]),
  gettid: define("gettid", "int", []),
};

const CLONE_NEWNET = 0x4000_0000;
const TUNSETIFF = 0x4004_54ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const NAME_BYTES = 16;
const REQUEST_BYTES = 40;
const POLLIN = 1;

/**
 * Opens a non-blocking TUN device in a named network namespace.
 * @returns the file descriptor
 * @throws if the kernel refuses
 */
export function openTun(namespace: string, name: string): number {
  // A device belongs to the namespace that the thread was in when it opened the device.
  const home = openSync("/proc/thread-self/ns/net", constants.O_RDONLY);
  const there = openSync(`/run/netns/${namespace}`, constants.O_RDONLY);
  try {
    enter(there);
    const device = openSync("/dev/net/tun", constants.O_RDWR | constants.O_NONBLOCK);
    const request = Buffer.alloc(REQUEST_BYTES);
    request.write(name);
    request.writeInt16LE(IFF_TUN | IFF_NO_PI, NAME_BYTES);
    if (calls.ioctl(device, TUNSETIFF, request) !== 0)
      throw new Error(`Cannot open the device ${name}: errno ${koffi.errno()}`);
    return device;
  } finally {
    enter(home);
    closeSync(home);
    closeSync(there);
  }
}

function enter(namespace: number): void {
  if (calls.setns(namespace, CLONE_NEWNET) !== 0)
    throw new Error(`Cannot change the network namespace: errno ${koffi.errno()}`);
}

/** Reads one packet into a buffer. Returns its length, or 0 if there is none. */
export const readPacket = (device: number, into: Buffer): number =>
  Math.max(0, Number(calls.read(device, into, into.length)));

/** Writes one packet. */
export const writePacket = (device: number, packet: Buffer): void => {
  calls.write(device, packet, packet.length);
};

/** Returns a function that waits for a packet on any device, up to a number of milliseconds. */
export function waiter(devices: readonly number[]): (milliseconds: number) => void {
  const polled = Buffer.alloc(8 * devices.length);
  for (const [n, device] of devices.entries()) {
    polled.writeInt32LE(device, 8 * n);
    polled.writeInt16LE(POLLIN, 8 * n + 4);
  }
  const time = Buffer.alloc(16);
  return (milliseconds) => {
    time.writeBigInt64LE(BigInt(Math.round(Math.max(0, milliseconds) * 1e6)), 8);
    calls.ppoll(polled, devices.length, time, null);
  };
}

/** Gives this thread the highest priority: a real link does not wait for the CPU. */
export function raisePriority(): void {
  setPriority(calls.gettid(), -20);
}
