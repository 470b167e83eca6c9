/** Checks how much a UDP socket of this machine can hold for a slower link. */
import { readFile } from "node:fs/promises";
import { SEND_BUFFER } from "../transport/io/io.ts";
import type { Finding } from "./check.ts";

const WMEM_MAX = "/proc/sys/net/core/wmem_max";

/**
 * The finding on `net.core.wmem_max`; none where the system has no such setting, or it is large enough.
 * @param path where the system tells it.
 */
export async function checkSendBuffer(path: string = WMEM_MAX): Promise<[string, Finding][]> {
  const most = Number(await readFile(path, "utf8").catch(() => "")) || SEND_BUFFER;
  if (most >= SEND_BUFFER) return [];
  const text = `holds ${Math.round(most / 1024)} KiB, less than a keyframe for many viewers: set net.core.wmem_max=${SEND_BUFFER} (sysctl)`;
  return [["UDP buffer", { state: "note", text }]];
}
