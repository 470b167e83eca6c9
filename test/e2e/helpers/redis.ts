/** A Redis server of a test's own. */
import { type ChildProcess, spawn } from "node:child_process";

/** The password that the server asks for. */
export const REDIS_PASSWORD = "a-secret-of-redis";

/** Starts the program; it keeps nothing on the disk. */
export function startRedis(program: string, port: number): ChildProcess {
  const options = ["--bind", "127.0.0.1", "--save", "", "--requirepass", REDIS_PASSWORD];
  return spawn(program, ["--port", String(port), ...options]);
}

/** The address of it, with the password. */
export function redisAddress(port: number): string {
  return `redis://:${REDIS_PASSWORD}@127.0.0.1:${port}`;
}
