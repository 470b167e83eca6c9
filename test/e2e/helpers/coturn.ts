/** A coturn as its users run it, with a secret shared with rendercast, on a machine of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RTCDtlsTransport } from "werift";
import type { Namespace } from "./namespaces.ts";

export const TURN_PORT = 3478;
export const TURNS_PORT = 5349;
export const TURN_SECRET = "what coturn and rendercast share";

export interface Coturn {
  /** All it has printed. */
  output(): string;
  stop(): Promise<void>;
}

/** Waits until it serves UDP, TCP and TLS, by a certificate of its own making. */
export async function startCoturn(program: string, namespace: Namespace, address: string): Promise<Coturn> {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-coturn-"));
  const { certPem, privateKey } = await RTCDtlsTransport.SetupCertificate();
  writeFileSync(join(folder, "cert.pem"), certPem);
  writeFileSync(join(folder, "key.pem"), privateKey);
  const options = [
    // Nothing of the system's own coturn.
    "-n",
    `--listening-ip=${address}`,
    `--relay-ip=${address}`,
    `--listening-port=${TURN_PORT}`,
    `--tls-listening-port=${TURNS_PORT}`,
    "--realm=rendercast.test",
    "--use-auth-secret",
    `--static-auth-secret=${TURN_SECRET}`,
    `--cert=${join(folder, "cert.pem")}`,
    `--pkey=${join(folder, "key.pem")}`,
    `--userdb=${join(folder, "turndb")}`,
    `--pidfile=${join(folder, "pid")}`,
    "--log-file=stdout",
    "--no-cli",
    "--no-dtls",
    "--verbose",
  ];
  const [command, ...parameters] = namespace.command(program, ...options);
  const child = spawn(command, parameters, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const serves = [/TLS\/TCP listener opened/, /UDP listener opened/].map(
    (line) => new RegExp(`${line.source} on.*${address.replaceAll(".", "\\.")}`),
  );
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", () => {
      if (serves.every((line) => line.test(output))) resolve();
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`coturn did not start:\n${output}`)));
  });
  return {
    output: () => output,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, "exit");
        child.kill("SIGTERM");
        await exited;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
