import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { parseMessage } from "werift";
import {
  ATTRIBUTE,
  readMessage,
  readXorAddress,
  writeMessage,
  xorAddress,
} from "../../../src/transport/stun/message.ts";
import { TurnClient, TurnError } from "../../../src/transport/stun/turn-client.ts";
import { readServerUrl } from "../../../src/transport/stun/turn-connection.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

const TRANSACTION = Buffer.from("0123456789ab");
const CREDENTIALS = { username: "1795373600:viewer", credential: "secret" };
const REALM = "example.org";
const KEY = createHash("md5").update(`${CREDENTIALS.username}:${REALM}:${CREDENTIALS.credential}`).digest();
const RELAYED = { ip: "198.51.100.10", port: 50_000 };
const PEER = { ip: "203.0.113.9", port: 40_000 };

describe("a message", () => {
  test("is read correctly by another implementation", () => {
    const written = writeMessage(3, TRANSACTION, [[ATTRIBUTE.username, Buffer.from("odd")]], KEY);
    const read = parseMessage(written);
    expect(read?.getAttributeValue("USERNAME")).toBe("odd");
    expect(readMessage(written)?.isAuthentic(KEY)).toBe(true);
    expect(readMessage(written)?.isAuthentic(Buffer.from("another"))).toBe(false);
  });

  test.each(["203.0.113.7", "2001:db8::7", "::1"])("carries the address %s", (ip) => {
    const value = xorAddress({ ip, port: 8081 }, TRANSACTION);
    expect(readXorAddress(value, TRANSACTION)).toEqual({ ip, port: 8081 });
    const read = parseMessage(writeMessage(0x101, TRANSACTION, [[ATTRIBUTE.xorMappedAddress, value]]));
    expect(read?.getAttributeValue("XOR-MAPPED-ADDRESS")?.[1]).toBe(8081);
  });

  test("is not read if it is cut off, and causes no exception if it is changed", () => {
    const whole = writeMessage(1, TRANSACTION, [[ATTRIBUTE.username, Buffer.from("somebody")]], KEY);
    for (let end = 0; end < whole.length; end++) expect(readMessage(whole.subarray(0, end))).toBeUndefined();
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      expect(() => readMessage(changed)?.isAuthentic(KEY)).not.toThrow();
    }
    expect(readXorAddress(Buffer.from([0, 1, 0, 0]), TRANSACTION)).toBeUndefined();
  });
});

test.each([
  ["stun:a.example", { host: "a.example", port: 3478, by: "udp" }],
  ["turn:a.example:80?transport=tcp", { host: "a.example", port: 80, by: "tcp" }],
  ["turn:a.example?transport=udp", { host: "a.example", port: 3478, by: "udp" }],
  ["turns:[2001:db8::1]", { host: "2001:db8::1", port: 5349, by: "tls" }],
])("%s is read into its parts", (url, server) => {
  expect(readServerUrl(url)).toEqual(server);
});

/** A small TURN server, with the requests that it got and its answers. */
class Server {
  nonce = "first";
  refuses: number | undefined;
  silent = false;
  readonly asked: string[] = [];
  /** The messages with data, in order. */
  readonly sent: Buffer[] = [];
  answer: (message: Buffer) => void = () => {};

  receive(bytes: Buffer): void {
    if ((bytes[0] ?? 0) >= 0x40 || bytes.readUInt16BE(0) === 0x16) {
      this.sent.push(Buffer.from(bytes));
      return;
    }
    const request = parseMessage(bytes, KEY) ?? parseMessage(bytes);
    if (!request) throw new Error("no message");
    const method = request.messageMethod as number;
    const lifetime = request.getAttributeValue("LIFETIME");
    this.asked.push(`${method}${lifetime === 0 ? " end" : ""}`);
    if (this.silent) return;
    const nonce = request.getAttributeValue("NONCE")?.toString();
    const read = readMessage(bytes);
    const isKnown = method === 1 || (nonce === this.nonce && read?.isAuthentic(KEY));
    const code = this.refuses ?? (isKnown ? undefined : nonce === undefined ? 401 : 438);
    const transaction = bytes.subarray(8, 20);
    if (code !== undefined) {
      const reason = Buffer.concat([
        Buffer.from([0, 0, Math.floor(code / 100), code % 100]),
        Buffer.from("No"),
      ]);
      this.answer(
        writeMessage(method | 0x110, transaction, [
          [ATTRIBUTE.errorCode, reason],
          [ATTRIBUTE.realm, Buffer.from(REALM)],
          [ATTRIBUTE.nonce, Buffer.from(this.nonce)],
        ]),
      );
      return;
    }
    const attributes = [
      [ATTRIBUTE.xorMappedAddress, xorAddress(PEER, transaction)],
      [ATTRIBUTE.xorRelayedAddress, xorAddress(RELAYED, transaction)],
    ] as const;
    this.answer(writeMessage(method | 0x100, transaction, attributes, method === 1 ? undefined : KEY));
  }
}

let clock: FakeClock;
let server: Server;
let client: TurnClient;
let came: string[];
let lost: string[];

beforeEach(() => {
  clock = new FakeClock();
  server = new Server();
  came = [];
  lost = [];
  client = new TurnClient({
    clock,
    send: (message) => server.receive(message),
    credentials: CREDENTIALS,
    timeout: 2000,
    data: (from, datagram) => came.push(`${from.ip}:${from.port} ${datagram}`),
    lost: (why) => lost.push(why),
  });
  // Not before the request was sent.
  server.answer = (message) => queueMicrotask(() => client.receive(message));
});

describe("a client", () => {
  test("learns the address that it is seen at", async () => {
    expect(await client.bind()).toEqual(PEER);
  });

  test("asks again with the server's realm and nonce, and again if the nonce is stale", async () => {
    expect(await client.allocate()).toEqual(RELAYED);
    server.nonce = "second";
    await client.permit(PEER.ip);
    expect(server.asked).toEqual(["3", "3", "8", "8"]);
  });

  test("throws the error that the server responds with", async () => {
    server.refuses = 486;
    await expect(client.allocate()).rejects.toEqual(new TurnError(486, "No"));
    server.refuses = 401;
    await expect(client.allocate()).rejects.toThrow("401 No");
  });

  test("retransmits to a silent server a few times, then gives up", async () => {
    server.silent = true;
    const asked = expect(client.bind()).rejects.toThrow("no answer");
    await clock.advance(2000);
    await asked;
    expect(server.asked.length).toBeGreaterThan(2);
    expect(clock.timers).toBe(0);
  });

  test("ignores a response without the key", async () => {
    await client.allocate();
    server.receive = (bytes) =>
      server.answer(writeMessage(8 | 0x100, bytes.subarray(8, 20), [], Buffer.from("another key")));
    const permitted = expect(client.permit(PEER.ip)).rejects.toThrow("no answer");
    await clock.advance(2000);
    await permitted;
  });
});

describe("an allocation", () => {
  beforeEach(async () => {
    await client.allocate();
    await client.permit(PEER.ip);
  });

  test("carries datagrams both ways, with less overhead once a channel is bound", async () => {
    client.sendTo(PEER, Buffer.from("hello"));
    client.openChannel(PEER);
    await settle();
    client.sendTo(PEER, Buffer.from("hello"));
    expect(server.sent.map(({ length }) => length)).toEqual([20 + 12 + 4 + 8, 9]);
    expect(server.sent[1]?.subarray(4).toString()).toBe("hello");

    const data = [
      [ATTRIBUTE.xorPeerAddress, xorAddress(PEER, TRANSACTION)],
      [ATTRIBUTE.data, Buffer.from("back")],
    ] as const;
    client.receive(writeMessage(0x17, TRANSACTION, data));
    client.receive(Buffer.concat([Buffer.from([0x40, 0, 0, 4]), Buffer.from("fast")]));
    client.receive(Buffer.concat([Buffer.from([0x40, 9, 0, 4]), Buffer.from("none")]));
    client.receive(Buffer.from([0x40, 0, 0xff, 0xff, 1]));
    expect(came).toEqual(["203.0.113.9:40000 back", "203.0.113.9:40000 fast"]);
  });

  /** The channel number of the last datagram that was sent to the peer. */
  async function channelTo(port: number): Promise<number> {
    await settle();
    client.sendTo({ ...PEER, port }, Buffer.from("x"));
    return server.sent.at(-1)?.readUInt16BE(0) ?? 0;
  }

  test("takes a closed channel's number for another peer, but only when its binding has expired", async () => {
    const receive = server.receive.bind(server);
    server.receive = (bytes) => server.answer(writeMessage(9 | 0x100, bytes.subarray(8, 20), []));
    for (let port = 1; port <= 0x1000; port++) {
      client.openChannel({ ...PEER, port });
      client.closeChannel({ ...PEER, port });
    }
    await settle();
    server.receive = receive;
    client.openChannel({ ...PEER, port: 50_000 });
    // No number is free: it goes as a Send indication.
    expect(await channelTo(50_000)).toBe(0x0016);
    await clock.advance(15 * 60_000);
    client.openChannel({ ...PEER, port: 50_000 });
    expect(await channelTo(50_000)).toBe(0x4000);
    client.openChannel({ ...PEER, port: 50_001 });
    expect(await channelTo(50_001)).toBe(0x4001);
    client.receive(Buffer.concat([Buffer.from([0x40, 0, 0, 4]), Buffer.from("back")]));
    expect(came.at(-1)).toBe("203.0.113.9:50000 back");
  });

  test("gives a peer that comes back the number that is bound to it", async () => {
    for (const port of [1, 2]) client.openChannel({ ...PEER, port });
    await settle();
    client.closeChannel({ ...PEER, port: 1 });
    client.openChannel({ ...PEER, port: 3 });
    client.openChannel({ ...PEER, port: 1 });
    expect([await channelTo(1), await channelTo(2), await channelTo(3)]).toEqual([0x4000, 0x4001, 0x4002]);
  });

  test("is refreshed with its permissions until it is deleted", async () => {
    client.openChannel(PEER);
    await settle();
    server.asked.length = 0;
    await clock.advance(120_000);
    expect(server.asked).toEqual(["4", "8", "9"]);
    client.close();
    expect(server.asked.at(-1)).toBe("4 end");
    await clock.advance(600_000);
    expect(server.asked).toHaveLength(4);
    expect(lost).toEqual([]);
  });

  test("that the server lost is reported once", async () => {
    server.refuses = 437;
    await clock.advance(600_000);
    expect(lost).toEqual(["437 No"]);
    expect(clock.timers).toBe(0);
  });
});
