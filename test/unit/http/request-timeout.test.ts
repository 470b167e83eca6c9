import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { duplexPair } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { liftLimit, limitRequests } from "../../../src/http/request-timeout.ts";
import { FakeClock } from "../../helpers/fake-clock.ts";

/** Sends the text to an HTTP server that answers at once, over a pair of streams instead of a socket. */
async function ask(text: string) {
  const clock = new FakeClock();
  const server = createServer((_request, response) => void response.write("answer"));
  limitRequests(server, clock);
  const [client, connection] = duplexPair();
  onTestFinished(() => void client.destroy());
  server.emit("connection", connection);
  client.resume().on("error", () => {});
  client.write(text);
  const [request] = (await once(server, "request")) as [IncomingMessage];
  request.resume();
  return { clock, request, isOpen: () => !connection.destroyed };
}

test.each([
  ["too short a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nx"],
  ["chunks that do not end", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"],
])("a request with %s is closed after 30 seconds, even if it was answered", async (_, text) => {
  const { clock, isOpen } = await ask(text);
  await clock.advance(29_999);
  expect(isOpen()).toBe(true);
  await clock.advance(1);
  expect(isOpen()).toBe(false);
  expect(clock.timers).toBe(0);
});

test("a request may take longer once its limit is lifted", async () => {
  const { clock, request, isOpen } = await ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nx");
  liftLimit(request);
  expect(clock.timers).toBe(0);
  await clock.advance(3_600_000);
  expect(isOpen()).toBe(true);
});

test.each([
  ["has no body", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["has arrived completely", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"],
])("the answer to a request that %s has no time limit", async (_, text) => {
  const { clock, request, isOpen } = await ask(text);
  if (!request.readableEnded) await once(request, "end");
  expect(clock.timers).toBe(0);
  await clock.advance(3_600_000);
  expect(isOpen()).toBe(true);
});
