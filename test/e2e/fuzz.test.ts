import { createSocket } from "node:dgram";
import { connect } from "node:net";
import type { Browser, Page } from "puppeteer-core";
import { io } from "socket.io-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Message } from "werift";
import { launchChromium } from "../helpers/browser.ts";
import { mutated, mutatedText, randomFrom, randomValue } from "../helpers/fuzz.ts";
import { CLOSING, image, raw } from "../helpers/multipart-writer.ts";
import { SDP_SCRAPS, VIEWER_OFFER } from "../helpers/offer.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { noticesNothing as goesOn, keepPeerConnections } from "./helpers/undisturbed.ts";

const HOST = "127.0.0.1";
const SCRAPS = ["\r\n", "\0", "--frame", "Content-Length: -1", "42", "{}", "\x1e"].map((text) =>
  Buffer.from(text),
);

/** What a page may say besides its offers. */
const EVENTS = ["restart", "leave", "follow", "clock", "keyframe", "operate", "control", "release"];

describeWith(["chromium"], "while a viewer watches, input changed at random", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  let page: Page;
  beforeAll(async () => {
    server = await startServer();
    browser = await launchChromium(chromium);
    page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  const noticesNothing = async () => {
    await goesOn(page);
    expect(server.output()).not.toMatch(/(task|callback) failed/);
    expect(server.process.exitCode).toBeNull();
  };

  const newViewer = async () => {
    const socket = io(server.url, { reconnection: false, forceNew: true });
    await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
    return socket;
  };

  test("in offers and in everything else that a page sends over its socket", async () => {
    const random = randomFrom(31);
    for (let sockets = 0; sockets < 8; sockets++) {
      const socket = await newViewer();
      // As many as one socket may ask; whoever is let in leaves again.
      for (let n = 0; n < 45; n++) {
        const offer = mutatedText(VIEWER_OFFER, random, SDP_SCRAPS);
        const asked = random(3) === 0 ? randomValue(random) : { stream: "main", offer };
        socket.emit("watch", asked, () => {});
        socket.emit(EVENTS[random(EVENTS.length)] ?? "leave", randomValue(random));
      }
      await socket
        .timeout(10_000)
        .emitWithAck("clock")
        .catch(() => {});
      socket.disconnect();
    }
    await noticesNothing();
  });

  test("in the frames of WebSockets", async () => {
    const random = randomFrom(37);
    const said = [
      '40{"token":"x"}',
      '42["follow","main"]',
      '420["watch",{"stream":"main","offer":"v=0"}]',
      "2",
      "41",
    ];
    for (let n = 0; n < 60; n++) {
      const socket = new WebSocket(
        `${server.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`,
      );
      const closed = new Promise<void>((resolve) => {
        socket.onclose = () => resolve();
      });
      await new Promise<void>((resolve) => {
        socket.onmessage = () => resolve();
        socket.onerror = () => resolve();
      });
      for (let words = 0; words < 30 && socket.readyState === WebSocket.OPEN; words++) {
        const bytes = mutated(Buffer.from(said[random(said.length)] ?? ""), random, SCRAPS);
        socket.send(random(5) === 0 ? new Uint8Array(bytes) : bytes.toString("latin1"));
      }
      socket.close();
      await closed;
    }
    await noticesNothing();
  });

  test("in datagrams from an admitted viewer", async () => {
    const random = randomFrom(41);
    const signaling = await newViewer();
    const asked = { stream: "main", offer: VIEWER_OFFER };
    const { value } = await signaling.timeout(5000).emitWithAck("watch", asked);
    const find = (pattern: RegExp) => pattern.exec(value.answer)?.[1] ?? "";
    const port = Number(find(/a=candidate:\S+ 1 udp \d+ \S+ (\d+)/));
    const [fragment, password] = [find(/a=ice-ufrag:(\S+)/), find(/a=ice-pwd:(\S+)/)];
    const check = (n: number) => {
      const transaction = Buffer.alloc(12);
      transaction.writeUInt32BE(n);
      return new Message(1, 0, transaction)
        .setAttribute("USERNAME", `${fragment}:evil`)
        .setAttribute("PRIORITY", 1)
        .setAttribute("ICE-CONTROLLING", 1n)
        .setAttribute("USE-CANDIDATE", null)
        .addMessageIntegrity(Buffer.from(password))
        .addFingerprint().bytes;
    };
    const hello = Buffer.alloc(13 + 12 + 60, 0xfe);
    Buffer.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 72, 1, 0, 0, 60, 0, 0, 0, 0, 0, 0, 60]).copy(
      hello,
    );
    const rtcp = Buffer.from([0x81, 201, 0, 7, ...new Uint8Array(28)]);
    const socket = createSocket("udp4");
    const send = (datagram: Buffer) =>
      new Promise<void>((done) => socket.send(datagram, port, HOST, () => done()));
    for (let n = 0; n < 3000; n++) {
      if (n % 100 === 0) await send(check(n));
      const sound = [check(n), hello, rtcp][random(3)] ?? rtcp;
      await send(mutated(sound, random, SCRAPS));
    }
    socket.close();
    signaling.disconnect();
    await noticesNothing();
  });

  test("in published bodies and in HTTP itself", async () => {
    const random = randomFrom(43);
    const body = Buffer.concat([
      image("no picture", { "X-Telemetry": '{"a": 1}' }),
      raw("rgba", 5, 3),
      CLOSING,
    ]);
    const head =
      "POST /streams/fuzz HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n";
    for (let n = 0; n < 150; n++) {
      const sent = mutated(body, random, SCRAPS);
      const request = Buffer.concat([Buffer.from(`${head}Content-Length: ${sent.length}\r\n\r\n`), sent]);
      const isHttp = random(3) === 0;
      const socket = connect(server.port, HOST);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      let answer = "";
      socket
        .on("error", () => {})
        .on("data", (chunk) => {
          answer += chunk;
        });
      socket.end(isHttp ? mutated(request, random, SCRAPS) : request);
      await closed;
      expect(answer).not.toMatch(/node_modules|\.ts:\d+/);
    }
    await noticesNothing();
  });
});
