import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Message, parseMessage } from "werift";
import type { MediaIo, MediaSocket } from "../../src/transport/io/io.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import type { Route } from "../../src/transport/io/route.ts";
import { RtcPort } from "../../src/transport/port/port.ts";
import {
  ATTRIBUTE,
  METHOD,
  readErrorCode,
  readMessage,
  writeMessage,
} from "../../src/transport/stun/message.ts";
import { FakeClock } from "../helpers/fake-clock.ts";

const HOST = "127.0.0.1";
const RTCP = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7]);
const SEALED = Buffer.from([23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 3, 1, 2, 3]);
const ALERT = Buffer.from([21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 0]);

let clock: FakeClock;
let rtc: RtcPort;
let bound: MediaSocket[];
const clients: Client[] = [];

const collecting: MediaIo = {
  ...plainIo,
  async bind(options) {
    const socket = await plainIo.bind(options);
    bound.push(socket);
    return socket;
  },
};

beforeEach(async () => {
  clock = new FakeClock();
  bound = [];
  rtc = await RtcPort.open({ clock, io: collecting, host: HOST, port: 0 });
});
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.close();
  rtc.close();
});

/** Waits for what the network brings in its own time. */
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000 });

/** A viewer as the port knows it, which notes what it is handed. */
function viewer(fragment: string) {
  const password = `the password of ${fragment}`;
  const heard = {
    route: undefined as Route | undefined,
    silent: 0,
    nominated: 0,
    dtls: [] as Buffer[],
    rtp: [] as Buffer[],
  };
  const registration = rtc.register({
    routed: (route) => {
      heard.route = route;
    },
    silent: () => heard.silent++,
    nominated: () => heard.nominated++,
    dtls: (datagram) => heard.dtls.push(datagram),
    rtp: (datagram) => heard.rtp.push(datagram),
  });
  registration.accept(fragment, password);
  return { fragment, password, heard, registration };
}

type Viewer = ReturnType<typeof viewer>;

let transactions = 0;

/** A check as an independent implementation writes it. */
function checkFor({ fragment, password }: Pick<Viewer, "fragment" | "password">, nominate = true): Buffer {
  const transaction = Buffer.alloc(12);
  transaction.writeUInt32BE(++transactions);
  const message = new Message(1, 0, transaction)
    .setAttribute("USERNAME", `${fragment}:theirs`)
    .setAttribute("PRIORITY", 1);
  if (nominate) message.setAttribute("USE-CANDIDATE", null);
  return message.addMessageIntegrity(Buffer.from(password)).addFingerprint().bytes;
}

/** Somebody's socket. */
class Client {
  readonly socket: Socket = createSocket("udp4");
  readonly got: Buffer[] = [];

  static async open(): Promise<Client> {
    const client = new Client();
    clients.push(client);
    client.socket.on("message", (datagram) => client.got.push(datagram)).bind(0, HOST);
    await once(client.socket, "listening");
    return client;
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(...datagrams: Buffer[]): void {
    for (const datagram of datagrams) this.socket.send(datagram, rtc.port, HOST);
  }

  /** Proves to be the viewer, and waits for the answer. */
  async proves(who: Viewer, nominate = true): Promise<void> {
    const before = this.got.length;
    this.send(checkFor(who, nominate));
    await eventually(() => expect(this.got.length).toBeGreaterThan(before));
    const answer = parseMessage(this.got.at(-1) ?? Buffer.alloc(0), Buffer.from(who.password));
    expect(answer?.getAttributeValue("XOR-MAPPED-ADDRESS")).toEqual([HOST, this.port]);
  }
}

describe("the owner of a datagram", () => {
  test("is known by the ICE username fragment of a check, and then by its address", async () => {
    const [one, two] = [viewer("one"), viewer("two")];
    const [a, b] = [await Client.open(), await Client.open()];
    await a.proves(one);
    await b.proves(two);
    a.send(RTCP, SEALED);
    b.send(SEALED);
    await eventually(() => {
      expect(one.heard).toMatchObject({ nominated: 1, dtls: [SEALED], rtp: [RTCP] });
      expect(two.heard).toMatchObject({ nominated: 1, dtls: [SEALED], rtp: [] });
    });
    one.heard.route?.send(Buffer.from("to one"));
    await eventually(() => expect(a.got.at(-1)?.toString()).toBe("to one"));
    expect(b.got).toHaveLength(1);
    expect(rtc.counters).toEqual({ garbage: 0, unauthentic: 0, stranger: 0, unsound: 0 });
  });

  test("follows a viewer to another address", async () => {
    const one = viewer("one");
    const [before, after] = [await Client.open(), await Client.open()];
    await before.proves(one);
    await after.proves(one);
    after.send(RTCP);
    await eventually(() => expect(one.heard.rtp).toEqual([RTCP]));
    expect(one.heard.route?.address).toEqual({ ip: HOST, port: after.port });
  });

  test("a check with a wrong password, for an unknown viewer or copied is refused, counted and not answered", async () => {
    const one = viewer("one");
    const [a, stranger] = [await Client.open(), await Client.open()];
    await a.proves(one);
    const copied = checkFor(one);
    a.send(copied);
    await eventually(() => expect(a.got).toHaveLength(2));
    stranger.send(checkFor({ ...one, password: "wrong" }), checkFor({ ...one, fragment: "nobody" }), copied);
    await eventually(() => expect(rtc.counters.unauthentic).toBe(3));
    stranger.send(RTCP);
    await eventually(() => expect(rtc.counters.stranger).toBe(1));
    expect(stranger.got).toEqual([]);
    expect(one.heard.route?.address.port).toBe(a.port);
  });

  test("a check with an unknown mandatory attribute gets an error answer, and proves no address", async () => {
    const one = viewer("one");
    const client = await Client.open();
    const attributes = [
      [ATTRIBUTE.username, Buffer.from(`${one.fragment}:theirs`)],
      [0x7abc, Buffer.alloc(4)],
    ] as const;
    client.send(writeMessage(METHOD.binding, Buffer.alloc(12, 7), attributes, one.password));
    await eventually(() => expect(client.got).toHaveLength(1));
    const answer = readMessage(client.got[0] ?? Buffer.alloc(0));
    expect(answer && readErrorCode(answer).code).toBe(420);
    client.send(RTCP);
    await eventually(() => expect(rtc.counters.stranger).toBe(1));
    expect(one.heard.route).toBeUndefined();
  });

  test("a viewer can take over another's address only when that one is silent", async () => {
    const [one, two] = [viewer("one"), viewer("two")];
    const shared = await Client.open();
    await shared.proves(one);
    shared.send(checkFor(two));
    await eventually(() => expect(rtc.counters.unauthentic).toBe(1));
    shared.send(RTCP);
    await eventually(() => expect(one.heard.rtp).toEqual([RTCP]));

    await clock.advance(3000);
    await shared.proves(two);
    shared.send(RTCP);
    await eventually(() => expect(two.heard.rtp).toEqual([RTCP]));
    expect(one.heard.rtp).toHaveLength(1);
    // What is still sent to the first does not reach the second.
    expect(one.heard.route).toBeUndefined();
    // Closing the first leaves the second its address.
    one.registration.close();
    shared.send(RTCP);
    await eventually(() => expect(two.heard.rtp).toHaveLength(2));
  });

  test("is the first of two viewers with one fragment; the second is refused", async () => {
    const one = viewer("one");
    const second = rtc.register({ routed() {}, nominated() {}, dtls() {}, rtp() {}, silent() {} });
    expect(() => second.accept("one", "another password")).toThrow("taken");
    second.close();
    await (await Client.open()).proves(one);
    one.registration.close();
    // It is free again.
    await (await Client.open()).proves(viewer("one"));
  });

  test("stays the viewer across an ICE restart, by old and new fragment, each with its own password", async () => {
    const one = viewer("one");
    const [before, after] = [await Client.open(), await Client.open()];
    await before.proves(one);
    const restarted = { ...one, fragment: "one again", password: "another password" };
    one.registration.accept(restarted.fragment, restarted.password);
    await before.proves(one);
    expect(one.heard.route?.address.port).toBe(before.port);
    await after.proves(restarted);
    expect(one.heard.route?.address.port).toBe(after.port);
    expect(one.heard.nominated).toBe(1);
    after.send(checkFor({ ...restarted, password: one.password }), checkFor({ ...one, password: "another" }));
    await eventually(() => expect(rtc.counters.unauthentic).toBe(2));
  });

  test("stays the viewer after a second restart by the two newest fragments; the oldest is free", async () => {
    const one = viewer("one");
    const again = ["one again", "and again"].map((fragment) => ({ ...one, fragment, password: fragment }));
    for (const { fragment, password } of again) one.registration.accept(fragment, password);
    const a = await Client.open();
    for (const restarted of again) await a.proves(restarted);
    const answers = a.got.length;
    a.send(checkFor(one));
    await eventually(() => expect(rtc.counters.unauthentic).toBe(1));
    expect(a.got).toHaveLength(answers);
    // What came by it is the viewer's still.
    a.send(RTCP);
    await eventually(() => expect(one.heard.rtp).toEqual([RTCP]));

    const another = viewer("one");
    one.registration.close();
    await (await Client.open()).proves(another);
    for (const restarted of again) a.send(checkFor(restarted));
    await eventually(() => expect(rtc.counters.unauthentic).toBe(3));
  });

  test("is nobody after its viewer is gone", async () => {
    const one = viewer("one");
    const a = await Client.open();
    await a.proves(one);
    one.registration.close();
    a.send(RTCP, SEALED, checkFor(one));
    await eventually(() =>
      expect(rtc.counters).toEqual({ garbage: 0, unauthentic: 1, stranger: 2, unsound: 0 }),
    );
    expect(one.heard).toMatchObject({ nominated: 1, dtls: [], rtp: [] });
  });

  test("is nobody at the oldest addresses of a viewer that has too many", async () => {
    const one = viewer("one");
    const chosen = await Client.open();
    await chosen.proves(one);
    const others: Client[] = [];
    for (let n = 0; n < 17; n++) {
      const other = await Client.open();
      others.push(other);
      await other.proves(one, false);
    }
    for (const client of [chosen, ...others]) client.send(RTCP);
    await eventually(() => expect(one.heard.rtp).toHaveLength(16));
    expect(rtc.counters.stranger).toBe(2);
    expect(one.heard.route?.address.port).toBe(chosen.port);
  });
});

describe("a refused datagram", () => {
  test("is counted by its kind", async () => {
    const one = viewer("one");
    const [a, stranger] = [await Client.open(), await Client.open()];
    await a.proves(one);
    const check = checkFor(one);
    const garbage = [
      Buffer.alloc(0),
      Buffer.from("hello"),
      Buffer.from([4, 1, 2, 3]),
      Buffer.from([64, 1, 2, 3]),
      Buffer.from([0xc0, 1, 2, 3]),
      Buffer.alloc(2049, 0x80),
      // A STUN response, a torn check, and one with more behind it.
      Buffer.concat([Buffer.from([1, 1]), check.subarray(2)]),
      check.subarray(0, -1),
      Buffer.concat([check, Buffer.alloc(4)]),
    ];
    stranger.send(...garbage);
    await eventually(() => expect(rtc.counters.garbage).toBe(garbage.length));
    a.send(...garbage);
    await eventually(() => expect(rtc.counters.garbage).toBe(2 * garbage.length));
    stranger.send(RTCP, SEALED, ALERT);
    await eventually(() => expect(rtc.counters.stranger).toBe(3));
    a.send(ALERT, SEALED.subarray(0, -1));
    await eventually(() => expect(rtc.counters.unsound).toBe(2));
    expect(one.heard).toMatchObject({ nominated: 1, dtls: [], rtp: [] });
    expect(stranger.got).toEqual([]);
  });

  test("counts as garbage if it is a check from port 0, which cannot be answered", () => {
    const one = viewer("one");
    const from = { address: HOST, port: 0, family: "IPv4", size: 0 };
    bound[0]?.socket.emit("message", checkFor(one), from);
    expect(rtc.counters.garbage).toBe(1);
    expect(one.heard.route).toBeUndefined();
  });
});

describe("TCP at the same port", () => {
  const framed = (datagram: Buffer) => Buffer.concat([Buffer.from([0, datagram.length]), datagram]);

  async function connected() {
    const socket = connect(rtc.port, HOST);
    socket.on("error", () => {});
    await once(socket, "connect");
    return socket;
  }

  /** By whichever way, a reset among them. */
  const closes = (socket: { once(event: "close", then: () => void): unknown }) =>
    new Promise<void>((resolve) => socket.once("close", () => resolve()));

  test("is a route like any other until it is closed", async () => {
    const one = viewer("one");
    const udp = await Client.open();
    await udp.proves(one);
    const tcp = await connected();
    tcp.write(Buffer.concat([checkFor(one), RTCP].map(framed)));
    await eventually(() => expect(one.heard.rtp).toEqual([RTCP]));
    expect(one.heard.route?.address.port).toBe(tcp.localPort);
    tcp.destroy();
    await eventually(() => expect(one.heard.route?.address.port).toBe(udp.port));
  });

  test("is closed to strangers, and counts what they send", async () => {
    const one = viewer("one");
    for (const datagram of [checkFor({ ...one, password: "wrong" }), RTCP, Buffer.from("hello")]) {
      const tcp = await connected();
      tcp.resume().write(framed(datagram));
      await closes(tcp);
    }
    expect(rtc.counters).toEqual({ garbage: 1, unauthentic: 1, stranger: 1, unsound: 0 });
  });

  test("is closed with its viewer", async () => {
    const one = viewer("one");
    const tcp = await connected();
    tcp.resume().write(framed(checkFor(one)));
    await eventually(() => expect(one.heard.route).toBeDefined());
    one.registration.close();
    await closes(tcp);
  });
});

describe("the port itself", () => {
  test("is announced as candidates, UDP before TCP", async () => {
    expect(rtc.candidates()).toEqual([
      `a=candidate:udp0 1 udp 2130706431 ${HOST} ${rtc.port} typ host`,
      expect.stringMatching(
        new RegExp(`^a=candidate:tcp0 1 tcp 2\\d{9} ${HOST} ${rtc.port} typ host tcptype passive$`),
      ),
    ]);
  });

  test("also announces its configured public addresses, after its own", async () => {
    const announced = [
      { ip: "203.0.113.7", port: 9000 },
      { ip: "2001:db8::7", port: undefined },
    ];
    const behind = await RtcPort.open({ clock, io: plainIo, host: HOST, announced, port: 0 });
    const ends = behind.candidates().map((line) => line.split(" ").slice(2, 6).toSpliced(1, 1).join(" "));
    behind.close();
    expect(ends).toEqual(
      ["udp", "tcp"].flatMap((kind) => [
        `${kind} ${HOST} ${behind.port}`,
        `${kind} 203.0.113.7 9000`,
        `${kind} 2001:db8::7 ${behind.port}`,
      ]),
    );
  });

  test("offers every address of this machine if none is set, each with its own priority", async () => {
    const every = await RtcPort.open({ clock, io: plainIo, host: undefined, port: 0 });
    const priorities = every.candidates().map((line) => Number(line.split(" ")[3]));
    every.close();
    expect(priorities).toEqual([...priorities].sort((a, b) => b - a));
    expect(new Set(priorities).size).toBe(priorities.length);
    expect(priorities.length).toBeGreaterThanOrEqual(2);
  });

  test("reports that it is taken over UDP or TCP, and leaves nothing bound", async () => {
    const taken = RtcPort.open({ clock, io: plainIo, host: HOST, port: rtc.port });
    await expect(taken).rejects.toMatchObject({ code: "EADDRINUSE" });
    const other = createServer().listen(0, HOST);
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const halfTaken = RtcPort.open({ clock, io: plainIo, host: HOST, port });
    await expect(halfTaken).rejects.toMatchObject({ code: "EADDRINUSE" });
    other.close();
    await once(other, "close");
    (await RtcPort.open({ clock, io: plainIo, host: HOST, port })).close();
  });

  test("counts as taken if another program holds it over IPv6", async (context) => {
    const other = createSocket({ type: "udp6", ipv6Only: true }).bind(0, "::");
    const bind = await Promise.race([once(other, "listening"), once(other, "error").then(() => undefined)]);
    if (!bind) return context.skip("this machine has no IPv6");
    const taken = RtcPort.open({ clock, io: plainIo, host: undefined, port: other.address().port });
    await expect(taken).rejects.toMatchObject({ code: "EADDRINUSE" });
    other.close();
  });

  test("sends nothing after it is closed, and raises no error", async () => {
    const one = viewer("one");
    const a = await Client.open();
    await a.proves(one);
    const { route } = one.heard;
    const before = a.got.length;
    rtc.close();
    route?.send(Buffer.from("too late"));
    route?.sendMedia({ seal: () => Buffer.alloc(0), close() {} }, Buffer.alloc(12), Buffer.alloc(1), 1);
    one.registration.close();
    const [free] = [await plainIo.bind({ family: 4, host: HOST, port: rtc.port })];
    free.close();
    expect(a.got).toHaveLength(before);
    rtc = await RtcPort.open({ clock, io: plainIo, host: HOST, port: 0 });
  });
});

test("binds and offers only IPv4 if it is given the address for all IPv4", async () => {
  bound = [];
  const four = await RtcPort.open({ clock, io: collecting, host: "0.0.0.0", port: 0 });
  try {
    expect(bound.map(({ socket }) => socket.address().family)).toEqual(["IPv4"]);
    const ips = four.candidates().map((line) => line.split(" ")[4] ?? "");
    expect(ips.length).toBeGreaterThan(0);
    expect(ips.filter((ip) => ip.includes(":"))).toEqual([]);
    const six = connect(four.port, "::1");
    await expect(once(six, "connect")).rejects.toThrow();
  } finally {
    four.close();
  }
});
