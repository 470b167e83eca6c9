import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { io } from "socket.io-client";
import { afterEach, expect, test } from "vitest";
import { runToEnd, type ServerProcess, startServer } from "./server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function started(...options: string[]): Promise<ServerProcess> {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

test("it prints where to look, with a QR code for phones", async () => {
  const { url, output } = await started();
  expect(output()).toContain(`${url}/`);
  expect(output()).toContain("rendercast shows built-in scene as 'main'");
  expect(output()).toMatch(/On the network {4}http:\/\/[\d.]+:\d+\/[\s\S]*▀▀▀/);
});

test("bound to this machine alone, it offers no network address", async () => {
  const { url, output } = await started("--host", "127.0.0.1");
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
  expect(output()).not.toContain("On the network");
});

test("Ctrl-C ends it within two seconds, whoever is connected", async () => {
  const server = await started();
  const response = await fetch(`${server.url}/streams/main/mjpeg`);
  ends.push(() => response.body?.cancel().catch(() => {}));
  const idle = connect(server.port, "localhost");
  await once(idle, "connect");
  idle.on("error", () => {});
  const socket = io(server.url, { reconnection: false });
  await new Promise<void>((resolve) => socket.on("connect", resolve));

  const asked = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(2000);
});

test.each([
  [["--port", "http"], /^rendercast: --port takes a whole number from 0 to 65535, not 'http'\.\n$/],
  [["--colour"], /^rendercast: --colour is not an option; --help lists them all\.\n$/],
  [["--folder", "/no/such/folder"], /^rendercast: .*\/no\/such\/folder.*\.\n$/],
  [
    ["--port", "0", "--host", "203.0.113.7"],
    /^rendercast: 203\.0\.113\.7 is not an address of this machine: .*\.\n$/,
  ],
])("%j gets one sentence that says what to do", async (options, sentence) => {
  const { code, output } = await runToEnd(...options);
  expect(output).toMatch(sentence);
  expect(code).toBe(2);
});

test("a busy port gets one sentence that says what to do", async () => {
  const other = createServer();
  other.listen(0);
  await once(other, "listening");
  ends.push(() => other.close());
  const { port } = other.address() as AddressInfo;
  const { code, output } = await runToEnd("--port", String(port));
  expect(output).toBe(
    `rendercast: Port ${port} is in use: choose another with --port ${port + 10}, or stop what uses it.\n`,
  );
  expect(code).toBe(2);
});

test("a folder that is none gets one sentence that says what to do", async () => {
  const { code, output } = await runToEnd("--folder", import.meta.filename);
  expect(output).toMatch(/^rendercast: .*command-line\.test\.ts.*\.\n$/);
  expect(code).toBe(2);
});

test("--help lists the options and --version tells the version", async () => {
  expect((await runToEnd("--help")).output).toContain("--folder DIR");
  expect(await runToEnd("--version")).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});
