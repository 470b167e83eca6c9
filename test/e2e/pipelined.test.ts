import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type ServerProcess, startServer } from "./helpers/server.ts";

const SECRET = "a-secret-that-signs-tokens-for-viewers";

/** As many as an address may have by default. */
const PER_ADDRESS = 20;

describe("streaming responses", () => {
  let server: ServerProcess;
  const open: Socket[] = [];

  beforeAll(async () => {
    server = await startServer("--host", "127.0.0.1", "--max-viewers", "25", "--trust-proxy", "127.0.0.1");
  });
  afterAll(async () => {
    for (const socket of open) socket.destroy();
    await server?.stop();
  });

  /** Sends them all at once on a connection, which it leaves open, and reads on until something matches. */
  async function send(requests: readonly string[], until: RegExp, client = "192.0.2.1"): Promise<Socket> {
    const socket = connect(server.port, "127.0.0.1").setEncoding("latin1");
    open.push(socket);
    socket.on("error", () => {});
    let text = "";
    const head = `HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: ${client}\r\n\r\n`;
    socket.write(requests.map((request) => `${request} ${head}`).join(""));
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      text += chunk;
      if (until.test(text)) break;
    }
    expect(text).toMatch(until);
    return socket;
  }
  const events = "GET /streams/main/events";
  const told = /\r\n\r\n[\s\S]*event: stream\n/;
  const closeAll = async () => {
    await Promise.all(open.splice(0).map((socket) => socket.destroyed || once(socket.destroy(), "close")));
    await vi.waitFor(async () => expect((await server.info()).viewers).toBe(0));
  };

  test.each(["GET /streams/main/mjpeg", "HEAD /streams/main/events"])(
    "%s waits behind another streaming response",
    async (behind) => {
      const { viewers } = await server.info();
      await send([events, behind, "GET /streams/main/mjpeg"], told);
      // What comes later on another connection is answered, and nothing behind the stream of events was begun.
      await send(["GET /streams/main"], /"name":"main"/);
      expect((await server.info()).viewers).toBe(viewers);
      await closeAll();
    },
  );

  test("a connection that keeps sending requests ahead of their answers is closed", async () => {
    const socket = await send([events], told);
    const again = "GET /streams/main/telemetry HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write(again.repeat(100));
    socket.resume();
    await once(socket, "close");
    await closeAll();
  });

  test("pipelined requests are answered in order", async () => {
    const paths = ["healthz", "streams/main", "readyz", "none", "healthz"];
    const answers = /is running[\s\S]*"name":"main"[\s\S]*Ready for[\s\S]*nothing at this[\s\S]*is running/;
    await send(
      paths.map((path) => `GET /${path}`),
      answers,
    );
    await closeAll();
  });

  test.each(["events", "telemetry"])(
    "clients that follow %s are limited like viewers, per address and in total",
    async (which) => {
      const follow = `GET /streams/main/${which}`;
      const begun = /^HTTP\/1\.1 200 OK\r\n/;
      for (let n = 0; n < PER_ADDRESS; n++) await send([follow], begun);
      const full =
        /^HTTP\/1\.1 503 [\s\S]*retry-after: \d+\r\n[\s\S]*has no room for more followers; .*\.\n$/i;
      await send([follow], full);
      for (let n = PER_ADDRESS; n < 25; n++) await send([follow], begun, "192.0.2.2");
      await send([follow], full, "192.0.2.3");
      // A client that leaves frees its place, and viewers have separate places.
      await send(["GET /streams/main/mjpeg"], begun, "192.0.2.3");
      await closeAll();
      await vi.waitFor(() => send([follow], begun));
      await closeAll();
    },
  );
});

test("a client that leaves during its token check takes no seat", async () => {
  const server = await startServer("--host", "127.0.0.1", "--jwt-secret", SECRET);
  try {
    const token = await new SignJWT({ rights: ["view"] })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h")
      .sign(new TextEncoder().encode(SECRET));
    const path = `/streams/main/mjpeg?token=${token}`;
    for (let n = 0; n < 100; n++) {
      const socket = connect(server.port, "127.0.0.1").on("error", () => {});
      await once(socket, "connect");
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`, () => socket.resetAndDestroy());
      await once(socket, "close");
    }
    const watch = async () => {
      const watching = new AbortController();
      const { status } = await fetch(`${server.url}${path}`, { signal: watching.signal });
      watching.abort();
      expect(status).toBe(200);
    };
    await vi.waitFor(watch, { timeout: 5000 });
    const headers = { Authorization: `Bearer ${token}` };
    const viewers = async () =>
      ((await (await fetch(`${server.url}/streams/main`, { headers })).json()) as { viewers: number })
        .viewers;
    await vi.waitFor(async () => expect(await viewers()).toBe(0), { timeout: 5000 });
  } finally {
    await server.stop();
  }
});
