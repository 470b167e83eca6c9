import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { ended } from "./helpers/child.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A cube that moves in each of three frames, the second being the one that is open. */
const MOVES = `
import bpy
scene = bpy.context.scene
cube = scene.objects["Cube"]
for frame in (1, 2, 3):
    cube.location.x = frame
    cube.keyframe_insert("location", frame=frame)
scene.frame_start, scene.frame_end = 1, 3
scene.frame_set(2)
`;

describeWith(["python"], "the render loop without Blender", ({ python }) => {
  test("passes its own tests", async () => {
    const { code, stderr } = await ended(
      spawn(python, ["-m", "unittest", "discover", "test/blender"], { cwd: root }),
    );
    expect(stderr).toMatch(/Ran [1-9]\d* tests/);
    expect(code, stderr).toBe(0);
  });
});

describeWith(["blender"], "the render loop in Blender", ({ blender }) => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rendercast-loop-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const run = (before: readonly string[], options: readonly string[]) => {
    const own = ["-b", "-noaudio", ...before, "--python-exit-code", "1", "-P", "blender/loop.py"];
    return spawn(blender, [...own, "--", ...options], { cwd: root });
  };
  const loop = (...options: string[]) => run(["--factory-startup"], options);
  const opened = (scene: string, ...options: string[]) => run([scene], options);
  /** The factory's scene, after this script, as a file. */
  const saved = async (script: string, name = "scene") => {
    const scene = join(folder, `${name}.blend`);
    const save = `${script}\nbpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)})`;
    const args = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "--python-expr", save];
    const { code, stderr } = await ended(spawn(blender, args));
    expect(code, stderr).toBe(0);
    return scene;
  };
  const small = () => ["--folder", folder, "--size", "64x36"];
  const shown = async () => {
    const pixels = await sharp(await file("img.jpg"))
      .raw()
      .toBuffer();
    return pixels.toString("base64");
  };
  const file = (name: string) => readFile(join(folder, name));
  const flag = async (name: string) => (await file(name)).toString();

  test("renders the requested pictures, and clears its flags", async () => {
    const { code, stdout, stderr } = await ended(loop("--folder", folder, "--frames", "3"));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("frames rendered: 3");
    expect(await flag("img_written.txt")).toBe("1");
    expect(await flag("img_running.txt")).toBe("0");
    const picture = sharp(await file("img.jpg"));
    expect(await picture.metadata()).toMatchObject({ format: "jpeg", width: 480, height: 270 });
    const { channels } = await picture.stats();
    // Software that draws nothing leaves a picture of a single colour.
    for (const channel of channels) expect(channel.stdev).toBeGreaterThan(10);
  });

  test("turns its built-in scene from picture to picture", async () => {
    const { stdout } = await ended(loop(...small(), "--frames", "1"));
    expect(stdout).toContain("rotation of Cube");
    const first = await shown();
    await ended(loop(...small(), "--frames", "4"));
    expect(await shown()).not.toBe(first);
    const { stdout: still } = await ended(
      loop(...small(), "--frames", "4", "--turn", "none", "--animate", "off"),
    );
    expect(still).toContain("still at frame 1");
    expect(await shown()).toBe(first);
  });

  test("plays the timeline of a user's scene, and rotates nothing in it", async () => {
    const scene = await saved(MOVES);
    const run = (...options: string[]) => ended(opened(scene, ...small(), ...options));
    const { stdout } = await run("--frames", "1");
    expect(stdout).toContain("at 64x36, timeline frames 1-3; Ctrl+C ends it");
    const first = await shown();
    await run("--frames", "2");
    expect(await shown()).not.toBe(first);
    // Three frames, and then the first again.
    await run("--frames", "4");
    expect(await shown()).toBe(first);
  });

  test("stays at the file's frame if it is told not to play", async () => {
    const scene = await saved(MOVES);
    const run = (...options: string[]) => ended(opened(scene, ...small(), ...options));
    await run("--frames", "2");
    const second = await shown();
    const { stdout } = await run("--frames", "3", "--animate", "off");
    expect(stdout).toContain("still at frame 2");
    expect(await shown()).toBe(second);
    await run("--frames", "3", "--animate", "off", "--turn", "Cube");
    expect(await shown()).not.toBe(second);
  });

  test("hides Blender's lines about each picture", async () => {
    const { stdout } = await ended(loop("--folder", folder, "--frames", "3", "--size", "64x36"));
    const own = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("Blender "));
    expect(own.filter((line) => !line.startsWith("rendercast loop: "))).toEqual([]);
  });

  test("does not tell the viewers the path of the scene", async () => {
    const scene = await saved("import bpy", "secret-project");
    const { code, stderr } = await ended(opened(scene, "--folder", folder, "--frames", "1"));
    expect(code, stderr).toBe(0);
    expect((await file("img.jpg")).includes("secret-project")).toBe(false);
  });

  test("writes the files under the requested names", async () => {
    const names = ["--picture", "view.jpg", "--written", "view.done", "--running", "view.on"];
    await ended(loop("--folder", folder, "--frames", "1", "--size", "64x36", ...names));
    expect((await sharp(await file("view.jpg")).metadata()).width).toBe(64);
    expect([await flag("view.done"), await flag("view.on")]).toEqual(["1", "0"]);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends cleanly on %s", async (signal) => {
    const child = loop("--folder", folder);
    const end = ended(child);
    createInterface(child.stdout).on("line", (line) => {
      if (line.includes("rendering to ")) child.kill(signal);
    });
    const { code, stdout, stderr } = await end;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("rendercast loop: ended");
    expect(await flag("img_running.txt")).toBe("0");
  });

  test("finishes the picture on the first Ctrl-C and says so, and stops at once on the second", async () => {
    const endless = "import bpy; bpy.context.scene.cycles.samples = 1000000";
    const child = run(
      ["--factory-startup", "--python-expr", endless],
      [...small(), "--engine", "cycles", "--size", "320x180"],
    );
    const end = ended(child);
    await vi.waitFor(async () => expect(await flag("img_written.txt")).toBe("0"), { timeout: 20_000 });
    child.kill("SIGINT");
    await new Promise<void>((resolve) => {
      createInterface(child.stderr).on("line", (line) => line.includes("ending after") && resolve());
    });
    child.kill("SIGINT");
    const { code, stdout, stderr } = await end;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain("rendercast loop: ending after this frame");
    expect(stdout).not.toContain("ended");
    // The picture was not finished, and viewers are told that the loop has ended, not that it crashed.
    expect([await flag("img_written.txt"), await flag("img_running.txt")]).toEqual(["0", "0"]);
  });

  test("refuses a bad option with a sentence and exit code 2", async () => {
    const { code, stderr } = await ended(loop("--folder", folder, "--size", "big"));
    expect(code).toBe(2);
    expect(stderr).toContain("big is not a size");
  });

  test("says what to do if the folder cannot be written", async () => {
    const taken = join(folder, "taken");
    await writeFile(taken, "");
    const { code, stderr } = await ended(loop("--folder", taken));
    expect(code).toBe(1);
    expect(stderr).toContain(`${taken} cannot be written`);
  });

  test("clears its flag if Blender cannot render", async () => {
    await mkdir(join(folder, "img.jpg"));
    const { code, stderr } = await ended(loop("--folder", folder));
    expect(code).toBe(1);
    expect(stderr).toContain("Blender cannot render this scene");
    expect(await flag("img_running.txt")).toBe("0");
  });

  test("says so if the object to turn does not exist", async () => {
    const { code, stderr } = await ended(loop("--folder", folder, "--turn", "Nobody"));
    expect(code).toBe(1);
    expect(stderr).toContain("no object Nobody");
  });
});
