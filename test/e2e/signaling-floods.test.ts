import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** A WebSocket frame with a mask of zeros (RFC 6455, section 5.2). */
function frame(opcode: number, text = ""): Buffer {
  const body = Buffer.from(text);
  const header = Buffer.alloc(body.length > 125 ? 8 : 6);
  header[0] = 0x80 | opcode;
  header[1] = 0x80 | (body.length > 125 ? 126 : body.length);
  if (body.length > 125) header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

const TEXT = 1;
const PING = 9;
const PONG = 10;

describe("a connection to the signaling of a server that needs a token", () => {
  let server: ServerProcess;
  let sockets: Socket[] = [];
  beforeAll(async () => {
    server = await startServer("--view-token", "a-secret-for-viewers");
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    sockets = [];
  });
  afterAll(() => server.stop());

  /** Upgrades, sends a CONNECT, and reads nothing after the first answer. */
  async function open(): Promise<Socket> {
    const socket = await upgrade();
    socket.write(frame(TEXT, "40"));
    return socket;
  }

  /** @param session of engine.io that moves from polling to this WebSocket; a new one if undefined. */
  async function upgrade(session?: string): Promise<Socket> {
    const socket = connect(server.port, "127.0.0.1");
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(
      [
        `GET /socket.io/?EIO=4&transport=websocket${session ? `&sid=${session}` : ""} HTTP/1.1`,
        `Host: 127.0.0.1:${server.port}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        `Sec-WebSocket-Key: ${randomBytes(16).toString("base64")}`,
        "\r\n",
      ].join("\r\n"),
    );
    await once(socket, "data");
    socket.pause();
    return socket;
  }

  /** The end is seen by a failing write, as nothing is read. */
  function ended(socket: Socket, next: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const timer = setInterval(() => socket.write(next), 50);
      socket.once("close", () => {
        clearInterval(timer);
        resolve();
      });
    });
  }

  test("is closed if it sends ping frames without end and reads no answer", async () => {
    await ended(await open(), Buffer.concat(Array(1000).fill(frame(PING))));
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  test("is closed if it sends pong frames without end", async () => {
    await ended(await open(), Buffer.concat(Array(1000).fill(frame(PONG))));
  });

  test("is closed if it sends ping frames without end while it upgrades from polling", async () => {
    const opened = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await opened.text()).slice(1)) as { sid: string };
    await ended(await upgrade(sid), Buffer.concat(Array(1000).fill(frame(PING))));
    // By then the session itself, which was not closed, has not timed out.
    expect((await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`)).status).toBe(200);
  });

  test("is closed if it asks for another namespace, whose long name would come back unread", async () => {
    const socket = await open();
    socket.write(frame(TEXT, `40/${"a".repeat(60_000)},`));
    await ended(socket, frame(TEXT, "3"));
  });

  test("is closed at a second CONNECT: each would make a socket", async () => {
    const socket = await open();
    socket.write(frame(TEXT, "40"));
    await ended(socket, frame(TEXT, "3"));
  });

  test("is answered if it behaves as a page does", async () => {
    const socket = await open();
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.resume();
    // socket.io closes a connection that sends an event before its CONNECT is answered.
    await vi.waitFor(() => expect(text).toContain("40{"), { timeout: 10_000 });
    socket.write(Buffer.concat([frame(PING), frame(TEXT, '420["clock"]')]));
    await vi.waitFor(() => expect(text).toMatch(/430\[\d+/), { timeout: 10_000 });
    expect(socket.destroyed).toBe(false);
  });
});
