import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import type { Browser, Page } from "puppeteer-core";
import { io } from "socket.io-client";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { Message } from "werift";
import { launchChromium } from "../helpers/browser.ts";
import { VIEWER_OFFER } from "../helpers/offer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { noticesNothing as goesOn, keepPeerConnections } from "./helpers/undisturbed.ts";

const HOST = "127.0.0.1";

/** A DTLS record (RFC 6347, section 4.1). */
function record(type: number, epoch: number, body: Buffer): Buffer {
  const header = Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, 0]);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}

/** A handshake message, or a part of one (RFC 6347, section 4.2.2). */
function message(type: number, body: Buffer, { of = body.length, at = 0 } = {}): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(type);
  header.writeUIntBE(of, 1, 3);
  header.writeUIntBE(at, 6, 3);
  header.writeUIntBE(body.length, 9, 3);
  return record(22, 0, Buffer.concat([header, body]));
}

let transactions = 0;

function check(fragment: string, password: string): Buffer {
  const transaction = Buffer.alloc(12);
  transaction.writeUInt32BE(++transactions);
  return new Message(1, 0, transaction)
    .setAttribute("USERNAME", `${fragment}:evil`)
    .setAttribute("PRIORITY", 1)
    .setAttribute("ICE-CONTROLLING", 1n)
    .setAttribute("USE-CANDIDATE", null)
    .addMessageIntegrity(Buffer.from(password))
    .addFingerprint().bytes;
}

const DTLS = [
  record(21, 0, Buffer.from([1, 0])),
  record(21, 0, Buffer.from([2, 40])),
  record(21, 1, Buffer.from([1, 0])),
  record(99, 0, Buffer.from([1, 2, 3])),
  record(25, 1, Buffer.from([1, 2, 3])),
  message(1, Buffer.alloc(60, 0xfe)),
  record(22, 1, Buffer.alloc(60)),
  record(23, 1, Buffer.alloc(60)),
  record(20, 0, Buffer.from([1])),
  record(22, 0, Buffer.alloc(1000)).subarray(0, 500),
];
const GARBAGE = [Buffer.from("hello"), Buffer.alloc(3000, 0x80), Buffer.alloc(100, 0xff), Buffer.alloc(100)];
const RTCP = Buffer.alloc(200, 0x80);

describeWith(["chromium"], "while a viewer watches, an intruder", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  let page: Page;
  /** Where the server meets its viewers; the fragment is that of the one who watches. */
  let target: { port: number; fragment: string };
  const sockets: Socket[] = [];

  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
    page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
    const answer = await page.evaluate(
      () => (window as unknown as { kept: RTCPeerConnection[] }).kept[0]?.remoteDescription?.sdp ?? "",
    );
    target = readAnswer(answer);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });

  function readAnswer(answer: string) {
    return {
      port: Number(/a=candidate:\S+ 1 udp \d+ \S+ (\d+)/.exec(answer)?.[1]),
      fragment: /a=ice-ufrag:(\S+)/.exec(answer)?.[1] ?? "",
      password: /a=ice-pwd:(\S+)/.exec(answer)?.[1] ?? "",
    };
  }

  /** The viewer's picture goes on, and no callback of the server has failed. */
  const noticesNothing = async () => {
    await goesOn(page);
    expect(server.output()).not.toContain("failed");
  };

  const counters = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const of = (outcome: string) =>
      Number(new RegExp(`^rendercast_datagrams_total\\{outcome="${outcome}"\\} (\\d+)`, "m").exec(text)?.[1]);
    return {
      garbage: of("refused_garbage"),
      unauthentic: of("refused_unauthentic"),
      stranger: of("refused_stranger"),
      dtls: of("refused_dtls"),
      rtcp: of("refused_rtcp"),
    };
  };

  async function newSocket(): Promise<Socket> {
    const socket = createSocket("udp4").bind(0, HOST);
    sockets.push(socket);
    await once(socket, "listening");
    return socket;
  }

  const send = (socket: Socket, ...datagrams: Buffer[]) =>
    Promise.all(
      datagrams.map((one) => new Promise<void>((done) => socket.send(one, target.port, HOST, () => done()))),
    );

  test("without a valid STUN check is kept out, whatever it sends", async () => {
    const before = await counters();
    const socket = await newSocket();
    const answered = vi.fn();
    socket.on("message", answered);
    for (let round = 0; round < 20; round++) {
      await send(socket, check(target.fragment, "a wrong password"), check("none", "a wrong password"));
      await send(socket, ...DTLS, ...GARBAGE, RTCP);
    }
    // The record of a type that no protocol here has is garbage by its first byte; RTCP stands in its place.
    const [garbage, strange] = [GARBAGE.length + 1, DTLS.length];
    await vi.waitFor(
      async () =>
        expect(await counters()).toEqual({
          ...before,
          garbage: before.garbage + 20 * garbage,
          unauthentic: before.unauthentic + 40,
          stranger: before.stranger + 20 * strange,
        }),
      { timeout: 10_000 },
    );
    expect(answered).not.toHaveBeenCalled();
    await noticesNothing();
  });

  test("floods it from hundreds of ports", async () => {
    const before = await counters();
    const flood = [...DTLS, ...GARBAGE, RTCP, check(target.fragment, "a wrong password")];
    for (let wave = 0; wave < 10; wave++) {
      const from = await Promise.all(Array.from({ length: 30 }, newSocket));
      for (let round = 0; round < 20; round++) {
        await Promise.all(from.map((socket) => send(socket, ...flood)));
      }
    }
    await noticesNothing();
    const after = await counters();
    // The system itself drops part of a flood.
    for (const kind of ["garbage", "unauthentic", "stranger"] as const) {
      expect(after[kind]).toBeGreaterThan(before[kind] + 100);
    }
  });

  test("leaves connections half open, and sends nonsense on others", async () => {
    const before = await counters();
    const half = Array.from({ length: 400 }, () => connect(target.port, HOST).on("error", () => {}));
    await noticesNothing();
    for (const socket of half) socket.destroy();
    const nonsense = [
      "GET / HTTP/1.1\r\n\r\n",
      Buffer.from([0xff, 0xff, 1, 2, 3]),
      Buffer.from([0, 0]),
      Buffer.concat([Buffer.from([0, 200]), RTCP]),
      Buffer.concat([Buffer.from([0, 5]), Buffer.from("hello")]),
    ];
    for (const bytes of nonsense) {
      const socket = connect(target.port, HOST).on("error", () => {});
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.resume().write(bytes);
      await closed;
    }
    const after = await counters();
    expect(after.stranger).toBe(before.stranger + 1);
    // An empty datagram, and a greeting.
    expect(after.garbage).toBe(before.garbage + 2);
    await noticesNothing();
  });

  test("that is admitted as a viewer and then breaks every rule harms only itself", async () => {
    const before = await counters();
    const signaling = io(server.url, { reconnection: false });
    await new Promise<void>((resolve) => signaling.on("connect", () => resolve()));
    const reply = await signaling.timeout(5000).emitWithAck("watch", { stream: "main", offer: VIEWER_OFFER });
    expect(reply).toMatchObject({ ok: true });
    const own = readAnswer(reply.value.answer);
    expect(own.port).toBe(target.port);
    const socket = await newSocket();
    const answers = vi.fn();
    socket.on("message", answers);
    await send(socket, check(own.fragment, own.password));
    await vi.waitFor(() => expect(answers).toHaveBeenCalled());

    // Into the handshake: parts without end, messages out of order, of wrong lengths and of none.
    const wrong = [
      ...DTLS,
      RTCP,
      message(1, Buffer.alloc(0)),
      message(1, Buffer.alloc(34, 0xfe)),
      message(2, Buffer.alloc(40)),
      message(11, Buffer.alloc(7, 0xff)),
      message(16, Buffer.from([200, 1, 2])),
      message(20, Buffer.alloc(12)),
      message(200, Buffer.alloc(12)),
    ];
    for (let round = 0; round < 10; round++) {
      await send(socket, ...wrong, check(own.fragment, own.password));
      const parts = Array.from({ length: 100 }, (_, n) =>
        message(1, Buffer.alloc(100), { of: 100_000, at: n * 100 }),
      );
      await send(socket, ...parts);
    }
    // From many addresses, as if it were roaming: to its own session, and to that of the one who watches.
    for (let n = 0; n < 40; n++) {
      const elsewhere = await newSocket();
      await send(elsewhere, check(own.fragment, own.password), RTCP, check(target.fragment, own.password));
    }
    await vi.waitFor(
      async () => {
        const { unauthentic, dtls } = await counters();
        expect(unauthentic).toBeGreaterThanOrEqual(before.unauthentic + 40);
        expect(dtls).toBeGreaterThan(before.dtls);
      },
      { timeout: 10_000 },
    );
    await noticesNothing();
    signaling.disconnect();
    await vi.waitFor(async () => expect((await server.info()).viewers).toBe(1), { timeout: 15_000 });
    await noticesNothing();
  });
});
