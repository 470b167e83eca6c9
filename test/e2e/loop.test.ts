import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterEach, beforeEach, expect, it } from "vitest";
import { describeWith } from "../setup/suites.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function ended(child: ChildProcess): Promise<Ended> {
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

describeWith(["python"], "the render loop without Blender", ({ python }) => {
  it("passes its own tests", async () => {
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

  const loop = (...options: string[]) => {
    const own = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1", "-P", "blender/loop.py"];
    return spawn(blender, [...own, "--", ...options], { cwd: root });
  };
  const file = (name: string) => readFile(join(folder, name));
  const flag = async (name: string) => (await file(name)).toString();

  it("renders the pictures asked for, and lowers its flags", async () => {
    const { code, stdout, stderr } = await ended(loop("--folder", folder, "--frames", "3"));
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("pictures rendered: 3");
    expect(await flag("img_written.txt")).toBe("1");
    expect(await flag("img_running.txt")).toBe("0");
    const picture = sharp(await file("img.jpg"));
    expect(await picture.metadata()).toMatchObject({ format: "jpeg", width: 480, height: 270 });
    const { channels } = await picture.stats();
    // Software that draws nothing leaves a picture of a single colour.
    for (const channel of channels) expect(channel.stdev).toBeGreaterThan(10);
  });

  it("turns the scene from picture to picture", async () => {
    const small = ["--folder", folder, "--size", "64x36"];
    const picture = async (frames: string, ...more: string[]) => {
      await ended(loop(...small, "--frames", frames, ...more));
      return (
        await sharp(await file("img.jpg"))
          .raw()
          .toBuffer()
      ).toString("base64");
    };
    const first = await picture("1");
    expect(await picture("4")).not.toBe(first);
    expect(await picture("4", "--turn", "none")).toBe(first);
  });

  it("keeps Blender's lines on each picture away", async () => {
    const { stdout } = await ended(loop("--folder", folder, "--frames", "3", "--size", "64x36"));
    const own = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("Blender "));
    expect(own.filter((line) => !line.startsWith("rendercast loop: "))).toEqual([]);
  });

  it("does not tell the viewers where the scene is on the disk", async () => {
    const scene = join(folder, "secret-project.blend");
    const save = `import bpy; bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)})`;
    await ended(spawn(blender, ["-b", "-noaudio", "--factory-startup", "--python-expr", save]));
    const open = [
      scene,
      "-b",
      "-noaudio",
      "-P",
      "blender/loop.py",
      "--",
      "--folder",
      folder,
      "--frames",
      "1",
    ];
    const { code, stderr } = await ended(spawn(blender, open, { cwd: root }));
    expect(code, stderr).toBe(0);
    expect((await file("img.jpg")).includes("secret-project")).toBe(false);
  });

  it("writes the files by the names asked for", async () => {
    const names = ["--picture", "view.jpg", "--written", "view.done", "--running", "view.on"];
    await ended(loop("--folder", folder, "--frames", "1", "--size", "64x36", ...names));
    expect((await sharp(await file("view.jpg")).metadata()).width).toBe(64);
    expect([await flag("view.done"), await flag("view.on")]).toEqual(["1", "0"]);
  });

  it.each(["SIGTERM", "SIGINT"] as const)("ends as it should on %s", async (signal) => {
    const child = loop("--folder", folder);
    const end = ended(child);
    createInterface(child.stdout).on("line", (line) => {
      if (line.includes("rendering into")) child.kill(signal);
    });
    const { code, stdout, stderr } = await end;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("rendercast loop: ended");
    expect(await flag("img_running.txt")).toBe("0");
  });

  it("refuses a bad option with a sentence and exit code 2", async () => {
    const { code, stderr } = await ended(loop("--folder", folder, "--size", "big"));
    expect(code).toBe(2);
    expect(stderr).toContain("big is no size");
  });

  it("says what to do where the folder cannot be written", async () => {
    const taken = join(folder, "taken");
    await writeFile(taken, "");
    const { code, stderr } = await ended(loop("--folder", taken));
    expect(code).toBe(1);
    expect(stderr).toContain(`${taken} cannot be written`);
  });

  it("lowers its flag where Blender cannot render", async () => {
    await mkdir(join(folder, "img.jpg"));
    const { code, stderr } = await ended(loop("--folder", folder));
    expect(code).toBe(1);
    expect(stderr).toContain("Blender cannot render this scene");
    expect(await flag("img_running.txt")).toBe("0");
  });

  it("says so where the object to turn is not there", async () => {
    const { code, stderr } = await ended(loop("--folder", folder, "--turn", "Nobody"));
    expect(code).toBe(1);
    expect(stderr).toContain("no object Nobody");
  });
});
