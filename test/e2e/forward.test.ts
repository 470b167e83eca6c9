import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { freePorts, type Janus, publishersOf, startJanus, watchBy } from "./helpers/janus.ts";
import { startServer } from "./helpers/server.ts";
import { startWhipServer, whipServerSource } from "./helpers/whip-server.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(...options: string[]) {
  const server = await startServer(...options);
  ends.push(() => server.stop());
  return server;
}

describeWith(["ffmpeg"], "Plain RTP", ({ ffmpeg }) => {
  test.each(["vp8", "h264"])("of %s is decoded by FFmpeg, which begins later", async (codec) => {
    const folder = await mkdtemp(join(tmpdir(), "rendercast-"));
    ends.push(() => rm(folder, { recursive: true }));
    const file = join(folder, "stream.sdp");
    const port = await freePorts();
    const server = await start(
      ...["--codecs", codec, "--forward", `rtp://127.0.0.1:${port}`, "--forward-sdp", file],
    );
    expect(await readFile(file, "utf8")).toContain(`m=video ${port} RTP/AVP 96\r\n`);
    expect(server.output()).toContain(`Forwarding main to 127.0.0.1:${port} by RTP`);
    const receiver = spawn(
      ffmpeg,
      [
        "-hide_banner",
        "-protocol_whitelist",
        "file,udp,rtp",
        "-i",
        file,
        "-frames:v",
        "20",
        "-f",
        "null",
        "-",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    ends.push(() => receiver.kill("SIGKILL"));
    let said = "";
    receiver.stderr.on("data", (text) => {
      said += text;
    });
    const [exitCode] = await once(receiver, "exit");
    expect(said).toMatch(/Stream #0:0: Video: .*480x270/);
    expect(exitCode, said).toBe(0);
    // The stream is encoded although nobody watches.
    expect((await server.info()).viewers).toBe(0);
  });
});

describeWith(["janus", "chromium"], "Janus", ({ janus: program, chromium }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterAll(async () => {
    await browser.close();
  });

  async function openJanus(plugins: Record<string, string>): Promise<Janus> {
    const janus = await startJanus(program, plugins);
    ends.push(() => janus.stop());
    return janus;
  }

  /** A page whose video shows frames of this size. */
  async function shows(janus: Janus, plugin: string, ask: object, width = 480): Promise<void> {
    const page = await browser.newPage();
    ends.push(() => page.close());
    await page.goto(`${janus.api}/info`);
    await watchBy(page, janus, plugin, ask);
    await page.waitForFunction(
      (width) => {
        const video = document.querySelector("video");
        return video?.videoWidth === width && video.getVideoPlaybackQuality().totalVideoFrames > 20;
      },
      { timeout: 30_000, polling: 100 },
      width,
    );
  }

  test("shows a stream that arrives as plain RTP", async () => {
    const port = await freePorts();
    const janus = await openJanus({
      streaming: `main: { type = "rtp", id = 1, audio = false, video = true, videoport = ${port},
        videortcpport = ${port + 1}, videopt = 96, videocodec = "vp8" }`,
    });
    await start("--forward", `rtp://127.0.0.1:${port}`);
    await shows(janus, "janus.plugin.streaming", { request: "watch", id: 1 });
  });

  const subscribe = (feed: number | undefined, about: object = {}) => ({
    request: "join",
    ptype: "subscriber",
    room: 1234,
    streams: [{ feed, ...about }],
  });

  test("shows a WHIP stream in the rendition each viewer chooses, recovers after the endpoint is lost, and stops with the stream", async ({
    skip,
  }) => {
    const source = await whipServerSource();
    if (source === undefined && !process.env.CI) skip("simple-whip-server cannot be had here");
    const janus = await openJanus({
      videoroom: 'room-1234: { description = "Test", publishers = 6, videocodec = "vp8", record = false }',
    });
    let whip = await startWhipServer(source ?? "", janus);
    ends.push(() => whip.stop());
    const token = "a-token-of-the-endpoint";
    const endpoint = await whip.create("render", 1234, token);
    const server = await start(
      ...["--size", "640x360", "--forward", `whip+${endpoint}`, "--forward-token", token],
    );
    const publishers = () => publishersOf(janus, 1234);
    const first = await vi.waitFor(async () => {
      const [feed] = await publishers();
      expect(feed).toBeDefined();
      return feed;
    }, 20_000);
    const isPublished = `Forwarding main to 127.0.0.1:${whip.port} is published, as VP8, in 3 renditions.`;
    await shows(janus, "janus.plugin.videoroom", subscribe(first), 640);
    await shows(janus, "janus.plugin.videoroom", subscribe(first, { mid: "0", substream: 0 }), 320);
    expect(server.output()).toContain(isPublished);

    await whip.stop();
    whip = await startWhipServer(source ?? "", janus, whip.port);
    await whip.create("render", 1234, token);
    await vi.waitFor(
      async () => expect((await publishers()).filter((feed) => feed !== first)).toHaveLength(1),
      20_000,
    );
    await vi.waitFor(() => expect(server.output().split(isPublished)).toHaveLength(3));

    await server.stop();
    await vi.waitFor(async () => expect(await publishers()).toEqual([]));
    expect(server.output()).not.toContain(token);
    expect(server.output()).not.toContain("endpoint/render");
  });

  test("shows the single rendition of VP8, and the smallest of H.264", async ({ skip }) => {
    const source = await whipServerSource();
    if (source === undefined && !process.env.CI) skip("simple-whip-server cannot be had here");
    const room = (codec: string) => `{ publishers = 6, videocodec = "${codec}", record = false }`;
    const janus = await openJanus({
      videoroom: `room-1: ${room("vp8")} room-2: ${room("h264")}`,
    });
    const whip = await startWhipServer(source ?? "", janus);
    ends.push(() => whip.stop());
    const show = async (room: number, codec: string, renditions: string, choice: object, width: number) => {
      const endpoint = await whip.create(codec, room, "token");
      await start(
        ...["--forward", `whip+${endpoint}`, "--forward-token", "token", "--forward-renditions", renditions],
        ...["--codecs", codec, "--size", "640x360"],
      );
      const feed = await vi.waitFor(async () => {
        const [feed] = await publishersOf(janus, room);
        expect(feed).toBeDefined();
        return feed;
      }, 20_000);
      await shows(janus, "janus.plugin.videoroom", { ...subscribe(feed, choice), room }, width);
    };
    await Promise.all([show(1, "vp8", "1", {}, 640), show(2, "h264", "3", { mid: "0", substream: 0 }, 320)]);
  });
});
