/** Access to files, of two kinds with one face. */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  close as slowClose,
  fstat as slowFstat,
  open as slowOpen,
  read as slowRead,
  stat as slowStat,
  statSync,
} from "node:fs";
import { promisify } from "node:util";

/** What a look needs of the disk; every call fails as those of `node:fs` do. */
export interface Disk {
  stat(path: string): Promise<BigIntStats> | BigIntStats;
  /** Opens for reading, without waiting for a writer should the path be a named pipe. */
  open(path: string): Promise<number> | number;
  fstat(file: number): Promise<BigIntStats> | BigIntStats;
  /** Fills `buffer` from `at` on, with the file's bytes from `at` on. Returns how many it got. */
  read(file: number, buffer: Buffer, at: number): Promise<number> | number;
  close(file: number): Promise<void> | void;
}

const READING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const BIGINT = { bigint: true } as const;

/** For files just written on this machine: they are in its cache, and asking the thread pool takes far longer. */
export const promptDisk: Disk = {
  stat: (path) => statSync(path, BIGINT),
  open: (path) => openSync(path, READING),
  fstat: (file) => fstatSync(file, BIGINT),
  read: (file, buffer, at) => readSync(file, buffer, at, buffer.length - at, at),
  close: (file) => closeSync(file),
};

const statLater = promisify(slowStat);
const openLater = promisify(slowOpen);
const fstatLater = promisify(slowFstat);
const readLater = promisify(slowRead);

/** For files that may be anywhere: a network that hangs holds up nobody else. */
export const patientDisk: Disk = {
  stat: (path) => statLater(path, BIGINT),
  open: (path) => openLater(path, READING),
  fstat: (file) => fstatLater(file, BIGINT),
  read: async (file, buffer, at) => (await readLater(file, buffer, at, buffer.length - at, at)).bytesRead,
  close: promisify(slowClose),
};
