/** WebKitGTK is built without WebRTC: this holds the pages and MJPEG in the engine of Safari, not the video. */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { launchWebKit, type WebKit } from "./helpers/webkit.ts";

describeWith(["webkit", "xvfb"], "WebKit", (programs) => {
  let server: ServerProcess;
  let browser: WebKit;

  beforeAll(async () => {
    server = await startServer();
    browser = await launchWebKit(programs);
  });
  afterEach(async () => {
    expect(await browser.troubles()).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
  });

  test("shows MJPEG on the page of a stream, and says why", async () => {
    await browser.goto(`${server.url}/watch/main`);
    const sentence = await browser.waitFor(() => {
      const state = document.querySelector("rendercast-player")?.state;
      return state?.kind === "fallback" && state.sentence;
    });
    expect(sentence).toMatch(/no WebRTC.*MJPEG/);
    const stats = await browser.waitFor(() => {
      const stats = document.querySelector("rendercast-player")?.stats;
      return (stats?.fps ?? 0) > 5 && stats?.latency && stats;
    });
    expect(stats).toMatchObject({ transport: "mjpeg", codec: "MJPEG", width: 480, height: 270 });
  });
});
