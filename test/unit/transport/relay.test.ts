import { beforeEach, describe, expect, test } from "vitest";
import type { Route } from "../../../src/transport/io/route.ts";
import { Relay, type RelayOptions } from "../../../src/transport/port/relay.ts";
import { ATTRIBUTE, readMessage, writeMessage, xorAddress } from "../../../src/transport/stun/message.ts";
import type { TurnConnectionEvents, TurnServer } from "../../../src/transport/stun/turn-connection.ts";
import { FakeClock, settle } from "../../helpers/fake-clock.ts";

const RELAYED = { ip: "198.51.100.10", port: 50_000 };
const VIEWER = { ip: "198.51.100.10", port: 50_001 };
const KEY = "relay 198.51.100.10 50001";

let clock: FakeClock;
/** The servers that were connected to, and the messages to the last of them. */
let opened: TurnServer[];
let sent: Buffer[];
let server: TurnConnectionEvents;
let away: string[];
let refuses: boolean;
let came: { text: string; key: string; routeOf: () => Route }[];
let closed: string[];
let logged: string[];

beforeEach(() => {
  clock = new FakeClock();
  opened = [];
  sent = [];
  away = [];
  refuses = false;
  came = [];
  closed = [];
  logged = [];
});

/** Accepts every request without checking credentials. */
const open: NonNullable<RelayOptions["open"]> = async (to, on) => {
  opened.push(to);
  if (away.includes(to.host)) throw new Error("connect ECONNREFUSED");
  server = on;
  const send = (message: Buffer) => {
    const request = readMessage(message);
    if (!request || request.type === 0x16) {
      sent.push(Buffer.from(message));
      return;
    }
    const { type, transaction } = request;
    const no = [ATTRIBUTE.errorCode, Buffer.from([0, 0, 4, 3])] as const;
    const yes = [ATTRIBUTE.xorRelayedAddress, xorAddress(RELAYED, transaction)] as const;
    const answer = writeMessage(type | (refuses ? 0x110 : 0x100), transaction, [refuses ? no : yes]);
    queueMicrotask(() => on.message(answer));
  };
  return { localPort: 0, send, close: () => {} };
};

async function started(...servers: string[]): Promise<Relay> {
  const relay = new Relay({
    clock,
    servers,
    credentials: () => ({ username: "a", credential: "b" }),
    on: {
      message: (datagram, key, routeOf) => came.push({ text: datagram.toString(), key, routeOf }),
      closed: (key) => closed.push(key),
    },
    log: (line) => logged.push(line),
    open,
  });
  for (let n = 0; n < 5; n++) await settle();
  return relay;
}

/** Sends a viewer's datagram to the relayed address. */
function viewerSends(text: string): void {
  const transaction = Buffer.alloc(12, 7);
  const attributes = [
    [ATTRIBUTE.xorPeerAddress, xorAddress(VIEWER, transaction)],
    [ATTRIBUTE.data, Buffer.from(text)],
  ] as const;
  server.message(writeMessage(0x17, transaction, attributes));
}

describe("a relay for this server", () => {
  test("is offered to viewers once it is allocated, with the lowest priority", async () => {
    const relay = await started("stun:a", "turn:a");
    expect(opened).toEqual([{ host: "a", port: 3478, by: "udp" }]);
    expect(relay.candidates()).toEqual([
      "a=candidate:relay0 1 udp 16777215 198.51.100.10 50000 typ relay raddr 0.0.0.0 rport 0",
    ]);
    relay.close();
    expect(clock.timers).toBe(0);
  });

  test("is allocated at the next server if one is unreachable", async () => {
    away = ["a"];
    const relay = await started("turn:a", "turns:b");
    expect(opened.map(({ host }) => host)).toEqual(["a", "b"]);
    expect(relay.candidates()).toHaveLength(1);
  });

  test("is tried again if no server relays, and logged once", async () => {
    away = ["a"];
    refuses = true;
    const relay = await started("turn:a", "turn:b");
    expect(relay.candidates()).toEqual([]);
    await clock.advance(60_000);
    expect(opened).toHaveLength(6);
    expect(logged).toEqual([
      "No TURN server relays for this server: turn:a: connect ECONNREFUSED; turn:b: 403. Retrying every 30 seconds.",
    ]);
    away = [];
    refuses = false;
    await clock.advance(30_000);
    expect(relay.candidates()).toHaveLength(1);
  });

  test("carries datagrams both ways, with a key per viewer", async () => {
    await started("turn:a");
    viewerSends("check");
    expect(came.map(({ text, key }) => ({ text, key }))).toEqual([{ text: "check", key: KEY }]);
    const route = came[0]?.routeOf();
    expect(route?.address).toEqual(VIEWER);
    route?.send(Buffer.from("answer"));
    expect(
      readMessage(sent.at(-1) ?? Buffer.alloc(0))
        ?.attributes.get(ATTRIBUTE.data)
        ?.toString(),
    ).toBe("answer");
  });

  test("closes its viewers' routes when lost, and allocates again at once", async () => {
    const relay = await started("turn:a");
    viewerSends("check");
    const route = came[0]?.routeOf();
    const { lost } = server;
    lost("the connection was closed");
    expect(closed).toEqual([KEY]);
    expect(() => route?.send(Buffer.from("late"))).not.toThrow();
    for (let n = 0; n < 5; n++) await settle();
    expect(opened).toHaveLength(2);
    expect(relay.candidates()).toHaveLength(1);
    lost("again");
    expect(opened).toHaveLength(2);
  });
});
