import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { io } from "socket.io-client";
import { afterEach, expect, test, vi } from "vitest";
import { MAIN, runToEnd, type ServerProcess, startServer } from "./helpers/server.ts";

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

test("it offers no network address if it is bound to this machine alone", async () => {
  const { url, output } = await started("--host", "127.0.0.1");
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
  expect(output()).not.toContain("On the network");
});

test("Ctrl-C ends it within two seconds, even with connected clients", async () => {
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

test("while it drains it reports not ready and keeps serving its viewers", async () => {
  const server = await started("--drain", "3600", "--log-level", "debug");
  const status = async (path: string) => (await fetch(`${server.url}${path}`)).status;
  expect([await status("/healthz"), await status("/readyz")]).toEqual([200, 200]);
  const watching = await fetch(`${server.url}/streams/main/mjpeg`);
  const reader = watching.body?.getReader();
  ends.push(() => reader?.cancel().catch(() => {}));
  server.process.kill("SIGTERM");
  await vi.waitFor(async () => expect(await status("/readyz")).toBe(503), { timeout: 5000, interval: 100 });
  expect(await status("/healthz")).toBe(200);
  const late = await fetch(`${server.url}/streams/main/mjpeg`);
  expect(late.status).toBe(503);
  expect(late.headers.get("Retry-After")).toMatch(/^\d+$/);
  expect((await reader?.read())?.done).toBe(false);
  expect(server.output()).toMatch(/main: viewer [\da-f]{8} watches by MJPEG\./);
  const exited = once(server.process, "exit");
  server.process.kill("SIGTERM");
  // Not the code of a process that is cut off.
  expect(await exited).toEqual([0, null]);
  expect(server.output()).toMatch(/ Stopping\.\n/);
});

test("its log can be one JSON object per line", async () => {
  const { code, output } = await runToEnd("--log-format", "xml");
  expect([code, output]).toEqual([2, "rendercast: --log-format takes pretty or json, not 'xml'.\n"]);
  const child = spawn(process.execPath, [MAIN, "--port", "0", "--log-format", "json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  ends.push(() => child.kill());
  const [first] = await once(child.stdout, "data");
  const [line = ""] = String(first).split("\n");
  expect(JSON.parse(line)).toMatchObject({
    level: "info",
    msg: expect.stringContaining("serves 'main' on port"),
  });
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

test("a path that is not a folder gets one sentence that says what to do", async () => {
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
