/** `rendercast healthcheck` beside a server, with the options that an operator may have changed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { newCertificate, writeCertificate } from "../helpers/certificate.ts";
import { freePort } from "./helpers/free-port.ts";
import { startServer } from "./helpers/server.ts";

const START = fileURLToPath(new URL("../../src/start.ts", import.meta.url));
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Runs a program to its end. */
async function run(command: string, ...words: string[]) {
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [code] = await once(child, "close");
  return { code, output };
}

test("it respects the options for port, address and TLS, and fails when the server is gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "rendercast-health-"));
  ends.push(() => rmSync(folder, { recursive: true }));
  const { certPath, keyPath } = writeCertificate(folder, await newCertificate());
  const port = await freePort();
  const options = [
    "--port",
    String(port),
    "--host",
    "127.0.0.1",
    "--tls-cert",
    certPath,
    "--tls-key",
    keyPath,
  ];
  const server = await startServer(...options);
  ends.push(() => server.stop());
  const check = () => run(process.execPath, START, "healthcheck", ...options);
  expect(await check()).toEqual({ code: 0, output: `rendercast is running on port ${port}.\n` });
  await server.stop();
  expect(await check()).toEqual({ code: 1, output: `No rendercast answers on port ${port}.\n` });
});

test.skipIf(process.getuid?.() !== 0)("it uses the options of process 1 if it has none", async () => {
  const port = await freePort();
  // In a PID namespace, as in a container, the server is process 1.
  const inside = `
    mount -t proc proc /proc
    (for n in $(seq 50); do "$0" "$1" healthcheck && exit; sleep 0.2; done) &
    exec "$0" "$1" --port ${port} --host 127.0.0.1 >/dev/null`;
  const unshare = ["--pid", "--fork", "--mount", "--kill-child", "sh", "-c", inside, process.execPath, START];
  const child = spawn("unshare", unshare, { stdio: ["ignore", "pipe", "inherit"] });
  ends.push(() => child.kill("SIGKILL"));
  let output = "";
  while (!output.includes("is running")) output += (await once(child.stdout, "data"))[0];
  expect(output).toContain(`rendercast is running on port ${port}.`);
});
