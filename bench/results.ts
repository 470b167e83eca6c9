/** Where benches write their results, and what they say of the machine. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";

const FOLDER = new URL("results/", import.meta.url);

/** The line that names this machine's processor, for the end of a bench's output. */
export const machineLine = () => `On ${cpus().length} x ${cpus()[0]?.model}.`;

/** Writes `bench/results/NAME`: text as it is, anything else as JSON with the processor and Node's version. */
export function writeResult(name: string, result: string | object): void {
  mkdirSync(FOLDER, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version };
  const text = typeof result === "string" ? result : JSON.stringify({ ...result, ...machine }, null, 2);
  writeFileSync(new URL(name, FOLDER), text);
}
