import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { describeWith } from "../setup/suites.ts";
import { contrast, difference, openPlayer, readScreen, stateOf, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";

/** The Blender that a server has started: its process. */
function blenderOf(server: ServerProcess): number {
  const children = execFileSync("pgrep", ["-P", String(server.process.pid), "-f", "background.py"], {
    encoding: "utf8",
  });
  return Number(children.trim());
}

describeWith(["chromium", "blender"], "a server that starts Blender", ({ chromium, blender }) => {
  let browser: Browser;
  const servers: ServerProcess[] = [];
  beforeAll(async () => {
    browser = await launchChromium(chromium);
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  afterAll(async () => {
    await browser?.close();
  });

  const start = async (...options: string[]) => {
    const server = await startServer("--blender", blender, "--size", "320x180", ...options);
    servers.push(server);
    return server;
  };
  const isFedByBlender = (server: ServerProcess) =>
    vi.waitFor(
      async () => {
        const { source, state } = await server.info();
        expect([source, state.kind]).toEqual(["demo_scene.py", "live"]);
      },
      { timeout: 40_000 },
    );

  test("shows its frames, and shows them again without a reload after Blender is killed", async () => {
    const server = await start("--script", "blender/demo_scene.py", "--turn", "Cube");
    const page = await openPlayer(browser, server.url);
    await isFedByBlender(server);
    await waitForState(page, "live");
    const first = await readScreen(page);
    expect(contrast(first)).toBeGreaterThan(10);
    await expect
      .poll(async () => difference(first, await readScreen(page)), { timeout: 10_000 })
      .toBeGreaterThan(0.5);

    process.kill(blenderOf(server), "SIGKILL");
    await waitForState(page, "crashed");
    await waitForState(page, "live", 40_000);
    expect((await stateOf(page)).notice).toMatch(/restarted/);
    expect(server.output()).toMatch(/Blender crashed \(ended by SIGKILL\)\. It restarts in 1 s/);
  });

  test("says in a sentence what Blender cannot do, and keeps serving", async () => {
    const server = await start("--script", "blender/demo_scene.py", "--camera", "Nowhere");
    await vi.waitFor(() => expect(server.output()).toMatch(/Blender: .*Nowhere/), { timeout: 40_000 });
    await vi.waitFor(() => expect(server.output()).toMatch(/is not restarted/), { timeout: 10_000 });
    // Not the picture of another scene in its place.
    const { state, problem } = await server.info();
    expect([state.kind, problem]).toEqual(["waiting", expect.stringMatching(/Nowhere/)]);
  });

  test("says that Blender compiles shaders before the first picture of EEVEE", async () => {
    const server = await start("--script", "blender/demo_scene.py", "--engine", "eevee");
    await vi.waitFor(
      async () => {
        const { state } = await server.info();
        expect(state).toEqual({ kind: "waiting", why: "Blender is compiling shaders" });
      },
      { timeout: 50_000, interval: 50 },
    );
  });

  test("runs the scripts inside a .blend file only with --trust-scripts", async () => {
    const folder = await mkdtemp(join(tmpdir(), "rendercast-scripts-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const scene = join(folder, "scene.blend");
    const save = `import bpy
text = bpy.data.texts.new("tells.py")
text.write("import rendercast")
text.use_module = True
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)})`;
    execFileSync(blender, ["-b", "-noaudio", "--factory-startup", "--python-expr", save]);
    const wary = await start(scene);
    await vi.waitFor(() => expect(wary.output()).toMatch(/tells\.py.*rendercast with --trust-scripts/), {
      timeout: 40_000,
    });
    const trusting = await start(scene, "--trust-scripts");
    await vi.waitFor(() => expect(trusting.output()).toMatch(/Blender: publishing/), { timeout: 40_000 });
  });

  test("leaves no Blender running after it stops", async () => {
    const server = await start("--script", "blender/demo_scene.py");
    await vi.waitFor(() => expect(server.output()).toMatch(/Blender: publishing/), { timeout: 40_000 });
    const pid = blenderOf(server);
    expect(await server.stop()).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    // The end of the stream is not a refusal.
    expect(server.output()).not.toMatch(/refused/);
  });
});
