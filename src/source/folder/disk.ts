/** File access with one interface, blocking or on libuv's thread pool. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  close as pooledClose,
  fstat as pooledFstat,
  open as pooledOpen,
  read as pooledRead,
  stat as pooledStat,
  readSync,
  statSync,
} from "node:fs";
import { promisify } from "node:util";

/** The file operations that the folder source needs. They fail as those of `node:fs` do. */
export interface Disk {
  stat(path: string): Promise<BigIntStats> | BigIntStats;
  /** Opens a file for reading. For a named pipe, it does not wait for a writer. */
  open(path: string): Promise<number> | number;
  fstat(file: number): Promise<BigIntStats> | BigIntStats;
  /** Reads the file from offset `at` into the same offset of `buffer`. Returns the number of bytes, 0 at the end. */
  read(file: number, buffer: Buffer, at: number): Promise<number> | number;
  close(file: number): Promise<void> | void;
}

const READING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const BIGINT = { bigint: true } as const;

/** Blocking access, for files just written on this machine: they are cached, and the thread pool is far slower. */
export const blockingDisk: Disk = {
  stat: (path) => statSync(path, BIGINT),
  open: (path) => openSync(path, READING),
  fstat: (file) => fstatSync(file, BIGINT),
  read: (file, buffer, at) => readSync(file, buffer, at, buffer.length - at, at),
  close: (file) => closeSync(file),
};

const statInPool = promisify(pooledStat);
const openInPool = promisify(pooledOpen);
const fstatInPool = promisify(pooledFstat);
const readInPool = promisify(pooledRead);

/** Access on the thread pool, for files anywhere: a network drive that hangs does not block the server. */
export const pooledDisk: Disk = {
  stat: (path) => statInPool(path, BIGINT),
  open: (path) => openInPool(path, READING),
  fstat: (file) => fstatInPool(file, BIGINT),
  read: async (file, buffer, at) => (await readInPool(file, buffer, at, buffer.length - at, at)).bytesRead,
  close: promisify(pooledClose),
};
