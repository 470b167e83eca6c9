import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test, vi } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { MjpegStream } from "../../src/transport/mjpeg.ts";

/** Less than the 64 KiB at which Node calls a stream full: it takes some of them to be. */
const BYTES = 50_000;
const PICTURES = 400;

test("a client that stops reading has only a few pictures queued, and gets the newest when it reads again", async () => {
  const stream = new MjpegStream(systemClock);
  const server = createServer((_, response) => stream.add(response, true, () => {})).listen(0, "127.0.0.1");
  await once(server, "listening");
  const asked = once(server, "request") as Promise<[IncomingMessage, ServerResponse]>;
  const request = get({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  const [[, { socket }], [client]] = await Promise.all([
    asked,
    once(request, "response") as Promise<[IncomingMessage]>,
  ]);
  client.pause();
  for (let number = 1; number <= PICTURES; number++) {
    const now = systemClock.now();
    stream.send({ number, data: Buffer.alloc(BYTES, 1), timings: { captured: now, received: now } });
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(socket?.writableLength).toBeGreaterThan(0);
  expect(socket?.writableLength).toBeLessThan(3 * BYTES);

  let text = "";
  client.setEncoding("latin1").on("data", (chunk) => {
    text += chunk;
  });
  client.resume();
  await vi.waitFor(() => expect(text).toContain(`X-Frame-Number: ${PICTURES}\r\n`), { timeout: 10_000 });
  stream.close();
  server.close();
});
