import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { liftLimit, limitRequests } from "../../src/request-timeout.ts";
import { FakeClock } from "../fake-clock.ts";

/** A server that answers at once, and a client that has sent the text. */
async function ask(text: string) {
  const clock = new FakeClock();
  const server = createServer((_request, response) => void response.write("answer"));
  limitRequests(server, clock);
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  const client: Socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  onTestFinished(() => void client.destroy());
  client.resume().on("error", () => {});
  client.write(text);
  const [request] = (await once(server, "request")) as [IncomingMessage];
  request.resume();
  const { socket } = request;
  return { clock, client, request, isOpen: () => !socket.destroyed };
}

test.each([
  ["a length that is never reached", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nx"],
  ["chunks without an end", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"],
])("a request of %s is closed after half a minute, whatever was answered", async (_, text) => {
  const { clock, client, isOpen } = await ask(text);
  await clock.advance(29_999);
  expect(isOpen()).toBe(true);
  const closed = once(client, "close");
  await clock.advance(1);
  expect(isOpen()).toBe(false);
  await closed;
  expect(clock.timers).toBe(0);
});

test("one that somebody else watches over goes on", async () => {
  const { clock, request, isOpen } = await ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nx");
  liftLimit(request);
  expect(clock.timers).toBe(0);
  await clock.advance(3_600_000);
  expect(isOpen()).toBe(true);
});

test.each([
  ["has no body", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
  ["is whole", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"],
])("one that %s may be answered for as long as it takes", async (_, text) => {
  const { clock, request, isOpen } = await ask(text);
  if (!request.readableEnded) await once(request, "end");
  expect(clock.timers).toBe(0);
  await clock.advance(3_600_000);
  expect(isOpen()).toBe(true);
});
