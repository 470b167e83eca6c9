import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Route } from "../../src/transport/io/route.ts";
import { TcpListener } from "../../src/transport/port/tcp.ts";
import { NodeSealer } from "../../src/transport/rtp/srtp.ts";
import { FakeClock } from "../helpers/fake-clock.ts";
import { freePort } from "./helpers/free-port.ts";

const HOST = "127.0.0.1";
const CHECK = Buffer.from("a check");

/** A datagram behind its length (RFC 4571, section 2). */
function framed(datagram: Buffer): Buffer {
  const frame = Buffer.alloc(2 + datagram.length);
  frame.writeUInt16BE(datagram.length);
  datagram.copy(frame, 2);
  return frame;
}

let clock: FakeClock;
let listener: TcpListener;
let port: number;
const clients: Socket[] = [];
/** What came whole, as text, and by which connection. */
let messages: { text: string; key: string; route: Route }[];
let closed: string[];

beforeEach(async () => {
  clock = new FakeClock();
  messages = [];
  const gone: string[] = [];
  closed = gone;
  const message = (datagram: Buffer, key: string, routeOf: () => Route) => {
    messages.push({ text: datagram.toString(), key, route: routeOf() });
    return datagram.equals(CHECK);
  };
  // A free port, by asking for one.
  port = await freePort();
  listener = await TcpListener.open({
    clock,
    host: HOST,
    port,
    on: { message, closed: (key) => gone.push(key) },
  });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  listener.close();
});

/** @param localAddress of loopback, which the listener sees. */
async function client(localAddress = HOST): Promise<Socket> {
  const socket = connect({ host: HOST, port, localAddress, noDelay: true });
  clients.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Connected, and known as a viewer's. */
async function viewer(): Promise<{ socket: Socket; key: string; route: Route }> {
  const socket = await client();
  socket.write(framed(CHECK));
  const before = messages.length;
  await eventually(() => expect(messages.length).toBeGreaterThan(before));
  const { key = "", route } = messages.at(-1) ?? {};
  if (!route) throw new Error("no route");
  return { socket, key, route };
}

/** Waits for what the network brings in its own time. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000 });
const texts = () => messages.map(({ text }) => text);
/** It is ended by the other side. */
async function ended(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

describe("datagrams in a stream", () => {
  test("arrive whole, however the network splits the stream", async () => {
    const sent = [
      CHECK,
      Buffer.from("x"),
      Buffer.from("y".repeat(2048)),
      Buffer.alloc(0),
      Buffer.from("last"),
    ];
    const stream = Buffer.concat(sent.map(framed));
    for (const step of [1, 2, 3, 7, 1000, stream.length]) {
      messages.length = 0;
      const socket = await client();
      for (let at = 0; at < stream.length; at += step) {
        const cut = step === 1 && at > 20 ? stream.subarray(at) : stream.subarray(at, at + step);
        if (!socket.write(cut)) await once(socket, "drain");
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (cut.length > step) break;
      }
      await eventually(() => expect(messages).toHaveLength(sent.length));
      expect(texts()).toEqual(sent.map(String));
      expect(new Set(messages.map(({ key }) => key)).size).toBe(1);
    }
  });

  test("are sent back with the same framing, and encrypted if they are media", async () => {
    const { socket, route } = await viewer();
    const keys = {
      profile: "AEAD_AES_128_GCM",
      key: Buffer.alloc(16),
      salt: Buffer.alloc(12),
      auth: Buffer.alloc(20),
    } as const;
    const [header, payload] = [Buffer.alloc(12, 0x80), Buffer.from("a payload")];
    route.send(Buffer.from("an answer"));
    route.sendMedia(new NodeSealer(keys), header, payload, 7);
    const media = new NodeSealer(keys).seal(header, payload, 7);
    const expected = Buffer.concat([framed(Buffer.from("an answer")), framed(media)]);
    let got = Buffer.alloc(0);
    while (got.length < expected.length) got = Buffer.concat([got, ...(await once(socket, "data"))]);
    expect(got).toEqual(expected);
    expect(route.address).toEqual({ ip: HOST, port: socket.localPort });
  });
});

describe("a connection that is no viewer's", () => {
  test.each([
    ["whose first datagram is not a check", framed(Buffer.from("GET / HTTP/1.1"))],
    ["whose first datagram is empty", Buffer.alloc(2)],
    ["that speaks another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["that announces more than a datagram's most", Buffer.from([0x08, 0x01])],
  ])("%s is closed", async (_, bytes) => {
    const socket = await client();
    socket.write(bytes);
    await ended(socket);
    await eventually(() => expect(closed).toHaveLength(1));
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["half a datagram", framed(CHECK).subarray(0, 5)],
  ])("and sends %s, is closed after a while", async (_, bytes) => {
    const socket = await client();
    socket.write(bytes);
    // Its wait begins once it is accepted.
    await eventually(() => expect(clock.timers).toBe(1));
    await clock.advance(4999);
    expect(socket.closed).toBe(false);
    await clock.advance(1);
    await ended(socket);
    await eventually(() => expect(clock.timers).toBe(0));
  });
});

describe("a viewer's connection", () => {
  test("stays open through silence and unknown messages", async () => {
    const { socket, key } = await viewer();
    await clock.advance(60_000);
    socket.write(Buffer.concat([framed(Buffer.from("nonsense")), framed(CHECK)]));
    await eventually(() => expect(texts()).toEqual(["a check", "nonsense", "a check"]));
    expect(messages.at(-1)?.key).toBe(key);
  });

  test("ends with one datagram too long", async () => {
    const { socket, key } = await viewer();
    socket.write(Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.alloc(70_000)]));
    await ended(socket);
    expect(texts()).toEqual(["a check"]);
    await eventually(() => expect(closed).toEqual([key]));
  });

  test("reports when it is closed, and drops what is sent afterwards", async () => {
    const { socket, key, route } = await viewer();
    socket.destroy();
    await eventually(() => expect(closed).toEqual([key]));
    route.send(Buffer.from("to nobody"));
    expect(listener.dropped).toBe(0);
  });

  test("drops datagrams and queues only a few frames if the viewer stops reading", async () => {
    const { socket, route } = await viewer();
    socket.pause();
    const datagram = Buffer.alloc(1200, 7);
    let sent = 0;
    while (listener.dropped === 0) {
      route.send(datagram);
      sent++;
      // The system takes what it has room for.
      if (sent % 50 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    for (let n = 0; n < 1000; n++) route.send(datagram);
    expect(listener.dropped).toBeGreaterThan(900);

    // What was let through comes whole, and when there is room again so does what follows.
    const through = sent + 1000 - listener.dropped;
    let got = 0;
    socket.on("data", ({ length }) => {
      got += length;
    });
    socket.resume();
    await eventually(() => expect(got).toBe(through * 1202));
    const before = listener.dropped;
    route.send(datagram);
    await eventually(() => expect(got).toBe((through + 1) * 1202));
    expect(listener.dropped).toBe(before);
  });

  test("closes with its viewer, after the last data is sent", async () => {
    const { socket, key, route } = await viewer();
    let got = "";
    socket.on("data", (chunk) => {
      got += chunk.toString("latin1");
    });
    listener.end("another's key");
    listener.end(key);
    route.send(Buffer.from("farewell"));
    await ended(socket);
    expect(got).toBe(framed(Buffer.from("farewell")).toString("latin1"));
    await eventually(() => expect(closed).toEqual([key]));
  });

  test("closes with its viewer even if the viewer stopped reading", async () => {
    const { socket, key, route } = await viewer();
    socket.pause();
    for (let n = 0; listener.dropped === 0; n++) {
      route.send(Buffer.alloc(1200));
      if (n % 50 === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    }
    listener.end(key);
    await clock.advance(1000);
    await eventually(() => expect(closed).toEqual([key]));
  });
});

test("a flood of connections is bounded, and blocks neither a connected viewer nor a new one", async () => {
  const { socket } = await viewer();
  const flood = await Promise.all(Array.from({ length: 500 }, () => client()));
  for (const one of flood) one.resume();
  await eventually(() => expect(flood.filter((one) => !one.closed).length).toBeLessThanOrEqual(240));
  socket.write(framed(CHECK));
  await eventually(() => expect(texts()).toEqual(["a check", "a check"]));
  await viewer();
  expect(socket.closed).toBe(false);
  await clock.advance(5000);
  await eventually(() => expect(flood.every((one) => one.closed)).toBe(true));
  expect(socket.closed).toBe(false);
});

test("a flood blocks no new viewer when viewers already hold many connections", async () => {
  const of = (localAddress: string) => Promise.all(Array.from({ length: 60 }, () => client(localAddress)));
  const viewers = [...(await of("127.0.0.2")), ...(await of("127.0.0.3"))];
  for (const one of viewers) one.write(framed(CHECK));
  await eventually(() => expect(messages).toHaveLength(120));
  const flood = await Promise.all(Array.from({ length: 400 }, () => client()));
  for (const one of flood) one.resume();
  const { socket } = await viewer();
  await eventually(() => expect(flood.filter((one) => !one.closed).length).toBeLessThanOrEqual(200));
  expect([socket, ...viewers].filter((one) => one.closed)).toEqual([]);
});

test("the number of connections per address is limited, even if all are viewers'", async () => {
  const { socket } = await viewer();
  const flood = await Promise.all(Array.from({ length: 100 }, () => client()));
  for (const one of flood) one.resume().write(framed(CHECK));
  await eventually(() => expect(flood.filter((one) => !one.closed).length).toBe(63));
  expect(socket.closed).toBe(false);
});

test("closing it ends all connections and frees the port", async () => {
  const { socket } = await viewer();
  const silent = await client();
  listener.close();
  await Promise.all([ended(socket), ended(silent)]);
  const on = { message: () => false, closed: () => {} };
  listener = await TcpListener.open({ clock, host: HOST, port, on });
  await expect(TcpListener.open({ clock, host: HOST, port, on })).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
});
