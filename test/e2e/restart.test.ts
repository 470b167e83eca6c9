import { type ChildProcess, spawn } from "node:child_process";
import type { Browser } from "puppeteer-core";
import { afterEach, expect, test, vi } from "vitest";
import { describeInBrowsers } from "../setup/browsers.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, openPlayer, readScreen, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

describeInBrowsers("a restart of the server", ({ launch }) => {
  let browser: Browser | undefined;
  const servers: ServerProcess[] = [];
  afterEach(async () => {
    await browser?.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  test.each<[string, NodeJS.Signals, string]>([
    ["ended with Ctrl-C", "SIGINT", "Server stopped"],
    ["killed", "SIGKILL", "Server away"],
  ])(
    "%s and started again, the stream is live again on a page that was never reloaded",
    async (_, signal, label) => {
      const first = await startServer();
      servers.push(first);
      browser = await launch();
      const page = await openPlayer(browser, first.url);
      await waitForState(page, "live");
      await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

      first.process.kill(signal);
      expect((await waitForState(page, "away")).label).toBe(label);
      expect(contrast(await readScreen(page))).toBeGreaterThan(15);
      servers.push(await startServer("--port", String(first.port)));
      await waitForState(page, "live");
      expect(contrast(await readScreen(page))).toBeGreaterThan(15);
      expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
    },
  );
});

describeWith(["blender"], "a restart of the server under Blender", ({ blender }) => {
  let publisher: ChildProcess | undefined;
  const servers: ServerProcess[] = [];
  afterEach(async () => {
    publisher?.kill("SIGKILL");
    for (const server of servers.splice(0)) await server.stop();
  });

  /** Blender draws only while somebody watches; who takes a snapshot is enough of a viewer. */
  const showsBlender = (server: ServerProcess) =>
    vi.waitFor(
      async () => {
        await fetch(`${server.url}/streams/main/snapshot.jpg`);
        const { source, state, width } = await server.info();
        expect([source, state.kind, width]).toEqual(["publisher on this machine", "live", 320]);
      },
      { timeout: 40_000, interval: 200 },
    );

  test("a killed and restarted server gets Blender's frames again without help", async () => {
    const first = await startServer();
    servers.push(first);
    const script = ["-b", "-P", "blender/background.py", "--", "--server", first.url, "--size", "320x180"];
    publisher = spawn(blender, script, { stdio: "ignore" });
    await showsBlender(first);

    first.process.kill("SIGKILL");
    const second = await startServer("--port", String(first.port));
    servers.push(second);
    await showsBlender(second);
    expect(publisher.exitCode).toBe(null);
  });
});
