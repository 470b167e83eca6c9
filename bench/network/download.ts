/** A TCP download that competes with the video for the way to the viewer. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { SERVER, VIEWER } from "./namespaces.ts";

const PORT = 5201;
const CHUNK = Buffer.alloc(65_536);

/**
 * Runs a download for a part of the measurement that starts now.
 * @param span in milliseconds from now.
 * @returns ends it at once.
 */
export function startDownload({ from, to }: { readonly from: number; readonly to: number }): () => void {
  const ends: ChildProcess[] = [];
  const stop = () => {
    for (const timer of timers) clearTimeout(timer);
    for (const end of ends) end.kill("SIGKILL");
  };
  ends.push(startEnd(SERVER.namespace, "server"));
  const timers = [
    setTimeout(() => ends.push(startEnd(VIEWER.namespace, "client")), from),
    setTimeout(stop, to),
  ];
  return stop;
}

function startEnd(namespace: string, role: string): ChildProcess {
  const program = [process.execPath, fileURLToPath(import.meta.url), role, SERVER.address];
  return spawn("ip", ["netns", "exec", namespace, ...program], { stdio: ["ignore", "ignore", "inherit"] });
}

if (import.meta.main) {
  const [role, address] = process.argv.slice(2);
  if (role === "client") connect(PORT, address).resume();
  else {
    createServer((socket) => {
      const fill = () => {
        while (socket.write(CHUNK));
      };
      socket.on("error", () => {}).on("drain", fill);
      fill();
    }).listen(PORT, address);
  }
}
