import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import type { MediaIo } from "../../src/transport/io/io.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { launchChromium, launchFirefox } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, troublesOf, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { connectionsOf, hideTcp, keepPeerConnections, noticesNothing } from "./helpers/undisturbed.ts";

/** What an ICE restart changes of a connection, and what it must not. */
async function sessionOf(page: Page) {
  const { local, remote, reports } = await page.evaluate(async () => {
    const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
    return {
      local: connection?.localDescription?.sdp ?? "",
      remote: connection?.remoteDescription?.sdp ?? "",
      reports: [...((await connection?.getStats())?.values() ?? [])],
    };
  });
  const credentials = (sdp: string) => sdp.match(/^a=ice-(ufrag|pwd):\S+/gm)?.slice(0, 2) ?? [];
  const inbound = reports.find(({ type }) => type === "inbound-rtp");
  const pair = reports.find(
    ({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded",
  );
  const selected = reports.find(({ type }) => type === "transport")?.selectedCandidatePairId ?? pair?.id;
  const candidateId = reports.find(({ id }) => id === selected)?.localCandidateId;
  return {
    ice: { ours: credentials(local), theirs: credentials(remote) },
    version: Number(/^o=\S+ \S+ (\d+)/m.exec(remote)?.[1]),
    /** By which of our fragments the way in use was found; Chromium alone tells. */
    wayBy: reports.find(({ id }) => id === candidateId)?.usernameFragment as string | undefined,
    lasting: {
      fingerprints: remote.match(/^a=fingerprint:.*/gm),
      ssrcs: remote.match(/^a=ssrc:.*/gm),
      candidates: remote.match(/^a=candidate:.*/gm),
      ssrc: inbound?.ssrc,
      keyframes: inbound?.keyFramesDecoded,
    },
  };
}

/** Media by plain Node, through a network whose ways can die: all that have been used until then. */
function mortalIo() {
  const used = new Set<number>();
  const dead = new Set<number>();
  const io: MediaIo = {
    ...plainIo,
    async bind(options) {
      const bound = await plainIo.bind(options);
      const { socket } = bound;
      const emit = socket.emit.bind(socket) as (event: string, ...details: unknown[]) => boolean;
      const send = socket.send.bind(socket) as (datagram: Buffer, port: number, ...more: unknown[]) => void;
      Object.assign(socket, {
        emit(event: string, ...details: [unknown, { readonly port: number }]) {
          if (event !== "message") return emit(event, ...details);
          const { port } = details[1];
          used.add(port);
          return dead.has(port) || emit(event, ...details);
        },
        send(datagram: Buffer, port: number, ...more: unknown[]) {
          if (!dead.has(port)) send(datagram, port, ...more);
        },
      });
      return bound;
    },
  };
  const die = () => {
    for (const port of used) dead.add(port);
  };
  return { io, die };
}

describeWith(["chromium"], "a viewer whose network changes", ({ chromium }) => {
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
    // Chromium reports the kind of network by default only on phones; this flag enables it elsewhere.
    browser = await launchChromium(chromium, "--enable-blink-features=NetInfoDownlinkMax");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });
  let page: Page | undefined;
  afterEach(async () => {
    await page?.close();
  });

  /** As the browser sees it when a phone leaves the Wi-Fi. */
  async function changeNetwork(of: Page, connectionType: "wifi" | "cellular4g"): Promise<void> {
    const devtools = await of.createCDPSession();
    const guesses = { latency: 1, downloadThroughput: 1e7, uploadThroughput: 1e7 };
    await devtools.send("Network.overrideNetworkState", { offline: false, ...guesses, connectionType });
  }

  test("continues with new ICE credentials and the same connection, video and DTLS session, repeatedly", async () => {
    page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
    await noticesNothing(page);
    for (const type of ["wifi", "cellular4g", "wifi"] as const) {
      const before = await sessionOf(page);
      expect(before.lasting.keyframes).toBeGreaterThan(0);
      await changeNetwork(page, type);
      await vi.waitFor(
        async () => {
          const after = await sessionOf(page as Page);
          expect(after.version).toBe(before.version + 1);
          expect(after.ice.ours.concat(after.ice.theirs)).toHaveLength(4);
          for (const side of ["ours", "theirs"] as const) {
            for (const [i, line] of after.ice[side].entries()) expect(line).not.toBe(before.ice[side][i]);
          }
          expect(`a=ice-ufrag:${after.wayBy}`).toBe(after.ice.ours[0]);
        },
        { timeout: 20_000 },
      );
      await noticesNothing(page);
      expect((await sessionOf(page)).lasting).toEqual(before.lasting);
    }
    expect((await server.info()).viewers).toBe(1);
  });

  test("makes a new connection if the ICE restart is refused", async () => {
    page = await openPlayer(browser, server.url, keepPeerConnections);
    await page.evaluateOnNewDocument(() => {
      // Another peer's: the server must not let it have this one's connection.
      const create: () => Promise<RTCSessionDescriptionInit> = RTCPeerConnection.prototype.createOffer;
      let offers = 0;
      RTCPeerConnection.prototype.createOffer = async function (this: RTCPeerConnection) {
        const { type, sdp = "" } = await create.call(this);
        const swap = (line: string) => line.replace(/[0-9A-F]{2}$/, (byte) => (byte === "00" ? "01" : "00"));
        return { type, sdp: ++offers === 2 ? sdp.replace(/^a=fingerprint:.*/gm, swap) : sdp };
      } as typeof RTCPeerConnection.prototype.createOffer;
    });
    await page.reload();
    await waitForState(page, "live");
    expect(await connectionsOf(page)).toBe(1);
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await vi.waitFor(async () => expect(await connectionsOf(page as Page)).toBe(2), { timeout: 20_000 });
    await waitForState(page, "live");
    expect(
      await page.evaluate(
        () => (window as unknown as { kept: RTCPeerConnection[] }).kept[0]?.connectionState,
      ),
    ).toBe("closed");
    expect(troublesOf(page)).toEqual([]);
    await vi.waitFor(async () => expect((await server.info()).viewers).toBe(1), { timeout: 20_000 });
  });
});

describeWith(["firefox"], "Firefox, when its network changes,", ({ firefox }) => {
  let browser: Browser;
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer();
    browser = await launchFirefox(firefox);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("continues with new ICE credentials and the same connection and video", async () => {
    const page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live", 40_000);
    const before = await sessionOf(page);
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await vi.waitFor(async () => expect((await sessionOf(page)).version).toBe(before.version + 1), {
      timeout: 20_000,
    });
    const after = await sessionOf(page);
    expect(after.ice.ours[0]).not.toBe(before.ice.ours[0]);
    expect(after.ice.theirs[0]).not.toBe(before.ice.theirs[0]);
    await noticesNothing(page);
    expect((await sessionOf(page)).lasting).toEqual(before.lasting);
  });
});

describeWith(
  ["chromium"],
  "a viewer whose route to the server fails switches to another with the same connection,",
  ({ chromium }) => {
    let browser: Browser;
    let here: Rendercast | undefined;
    beforeAll(async () => {
      browser = await launchChromium(chromium);
    });
    afterEach(() => here?.close());
    afterAll(() => browser?.close());

    test.each([
      ["if the expected pictures stop", false],
      ["if ICE reports it while no pictures are expected, as in a hidden page", true],
    ])("%s", async (_, hidden) => {
      const { io, die } = mortalIo();
      const command = readConfig(["--port", "0", "--host", "127.0.0.1"], {});
      if (!("run" in command)) throw new Error("no configuration");
      here = await startRendercast(command.run, () => {}, { io });
      const page = await openPlayer(browser, `http://127.0.0.1:${here.port}`, keepPeerConnections);
      await page.evaluateOnNewDocument(hideTcp);
      await page.reload();
      await waitForState(page, "live");
      await page.evaluate((hide) => {
        if (hide) Object.defineProperty(document, "hidden", { value: true });
        const [connection] = (window as unknown as { kept: RTCPeerConnection[] }).kept;
        const states: string[] = [];
        Object.assign(window, { states });
        connection?.addEventListener("connectionstatechange", () => states.push(connection.connectionState));
      }, hidden);
      const before = await sessionOf(page);
      die();
      await noticesNothing(page);
      const after = await sessionOf(page);
      expect(after.version).toBeGreaterThan(before.version);
      expect(after.wayBy).not.toBe(before.wayBy);
      const states = await page.evaluate(() => (window as unknown as { states: string[] }).states);
      if (hidden) expect(states.slice(0, 2)).toEqual(["disconnected", "connected"]);
    });
  },
);
