import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Browser, Page } from "puppeteer-core";
import { afterEach, expect, test, vi } from "vitest";
import { watchScreen } from "../../bench/optical.ts";
import { tappedPattern } from "../../bench/tapped.ts";
import type { Millis } from "../../src/base/clock.ts";
import { readConfig } from "../../src/config/config.ts";
import { FfmpegVp8Encoder } from "../../src/encoder/ffmpeg/vp8.ts";
import { type Rendercast, startRendercast } from "../../src/rendercast.ts";
import type { MediaIo } from "../../src/transport/io/io.ts";
import { plainIo } from "../../src/transport/io/plain.ts";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState, waitForStats } from "./helpers/player.ts";
import { connectionsOf, hideTcp, keepPeerConnections } from "./helpers/undisturbed.ts";

const FRAME_INTERVAL: Millis = 50;
const STALL: Millis = 10_000;
/** After a stall TCP retransmits only when its timer expires, which by then takes seconds. */
const TCP_DELAY: Millis = 3000;
const VIDEO = `() => document.querySelector("rendercast-player").shadowRoot.querySelector("video")`;

/** When each frame was rendered, by its number. Tests wait for frames instead of sleeping. */
class RenderedFrames extends Map<number, number> {
  #latest = 0;
  readonly #waiting = new Set<() => void>();

  override set(number: number, renderedAt: number): this {
    super.set(number, renderedAt);
    this.#latest = renderedAt;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return this;
  }

  /** Resolves once the frames rendered from now on span this time. */
  async span(time: Millis): Promise<void> {
    const end = now() + time;
    while (this.#latest < end) await new Promise<void>((wake) => this.#waiting.add(wake));
  }

  /** Resolves once this many more frames were rendered. */
  async more(count: number): Promise<void> {
    const goal = this.size + count;
    while (this.size < goal) await new Promise<void>((wake) => this.#waiting.add(wake));
  }
}

const now = () => performance.timeOrigin + performance.now();

/** A network that delivers nothing while it is stalled. */
function stallingNetwork() {
  const stalled = { udp: false, tcp: false };
  const io: MediaIo = {
    ...plainIo,
    async bind(options) {
      const bound = await plainIo.bind(options);
      const { socket } = bound;
      const emit = socket.emit.bind(socket) as (event: string, ...details: unknown[]) => boolean;
      const send = socket.send.bind(socket) as (...datagram: unknown[]) => void;
      Object.assign(socket, {
        emit: (event: string, ...details: unknown[]) =>
          (event === "message" && stalled.udp) || emit(event, ...details),
        send(...datagram: unknown[]) {
          if (!stalled.udp) send(...datagram);
        },
      });
      return bound;
    },
  };
  const sockets = new Set<Socket>();
  let port = 0;
  const proxy = createServer((here) => {
    const there = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => to.write(bytes));
      from.on("error", () => {});
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      if (stalled.tcp) from.pause();
    }
  });
  return {
    io,
    /** The address of the server at this port, through this network. */
    async to(server: number): Promise<string> {
      port = server;
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
      return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    },
    stall() {
      stalled.udp = true;
      stalled.tcp = true;
      for (const socket of sockets) socket.pause();
    },
    healUdp() {
      stalled.udp = false;
    },
    healTcp() {
      stalled.tcp = false;
      for (const socket of sockets) socket.resume();
    },
    close() {
      proxy.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

describeWith(["chromium"], "no backlog builds up", ({ chromium }) => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function serve(io: MediaIo): Promise<{ here: Rendercast; rendered: RenderedFrames }> {
    const rendered = new RenderedFrames();
    const command = readConfig(["--port", "0", "--rtc-port", "0"], {});
    if (!("run" in command)) throw new Error("no configuration");
    const source = tappedPattern({ width: 480, height: 270, fps: 1000 / FRAME_INTERVAL }, rendered);
    const here = await startRendercast(command.run, () => {}, { io, source });
    ends.push(() => here.close());
    return { here, rendered };
  }

  async function show(url: string): Promise<{ browser: Browser; page: Page }> {
    const browser = await launchChromium(chromium);
    ends.push(() => browser.close());
    const page = await openPlayer(browser, url, keepPeerConnections);
    await page.evaluateOnNewDocument(hideTcp);
    await page.reload();
    await waitForState(page, "live");
    return { browser, page };
  }

  /** Expects live pictures on the screen from one second after the stall on. */
  async function expectLive(
    page: Page,
    rendered: RenderedFrames,
    stall: () => Promise<number>,
  ): Promise<void> {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const watched = watchScreen(page, VIDEO, STALL + 5000, begin);
    await begun;
    const healedAt = await stall();
    const after = (await watched)
      .filter(({ at }) => at > healedAt)
      .map(({ number, at }) => ({ since: at - healedAt, age: at - (rendered.get(number) ?? 0) }));
    const live = after.find(({ age }) => age < 400);
    expect(live?.since).toBeLessThan(1000);
    const ages = after
      .slice(-20)
      .map(({ age }) => age)
      .sort((a, b) => a - b);
    expect(ages.length).toBe(20);
    expect(ages[10]).toBeLessThan(400);
    expect(await connectionsOf(page)).toBe(1);
  }

  test("after the network stalls for ten seconds, the picture is live within one second, on the same connection", async () => {
    const network = stallingNetwork();
    ends.push(() => network.close());
    const { here, rendered } = await serve(network.io);
    const { page } = await show(await network.to(here.port));
    let tcpHealed: Promise<void> | undefined;
    await expectLive(page, rendered, async () => {
      network.stall();
      await rendered.span(STALL);
      network.healUdp();
      tcpHealed = rendered.span(TCP_DELAY).then(() => network.healTcp());
      return now();
    });
    await tcpHealed;
    await waitForState(page, "live");
  });

  test("after the browser is stopped for ten seconds, the picture is live within one second, on the same connection", async () => {
    const { here, rendered } = await serve(plainIo);
    const { browser, page } = await show(`http://127.0.0.1:${here.port}`);
    await expectLive(page, rendered, async () => {
      const processes = await processesOf(browser);
      for (const id of processes) process.kill(id, "SIGSTOP");
      await rendered.span(STALL);
      for (const id of processes) process.kill(id, "SIGCONT");
      return now();
    });
    await waitForState(page, "live");
  });

  test("in front of an encoder that is slower than the source", async () => {
    const { here, rendered } = await serve(plainIo);
    const encode = FfmpegVp8Encoder.prototype.encode;
    const slow = vi.spyOn(FfmpegVp8Encoder.prototype, "encode");
    slow.mockImplementation(async function (this: FfmpegVp8Encoder, ...frame) {
      await rendered.more(4);
      return encode.apply(this, frame);
    });
    const { page } = await show(`http://127.0.0.1:${here.port}`);
    const dropped = () => here.broadcast.counters().dropped_before_encode;
    await vi.waitFor(() => expect(dropped()).toBeGreaterThan(60), { timeout: 30_000 });
    const starved = await waitForStats(page, ({ latency }) => latency !== undefined);
    expect(starved.latency?.median).toBeLessThan(20 * FRAME_INTERVAL);
    slow.mockRestore();
    await waitForStats(
      page,
      ({ latency, fps = 0 }) => fps > 12 && (latency?.median ?? 1000) < 4 * FRAME_INTERVAL,
    );
  });
});

/** The browser's process and its child processes. */
async function processesOf(browser: Browser): Promise<number[]> {
  const devtools = await browser.target().createCDPSession();
  const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
  await devtools.detach();
  return processInfo.map(({ id }) => id);
}
