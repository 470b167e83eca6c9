import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { difference, pixelsOf, Receiver, readPicture } from "./helpers/addon-receiver.ts";
import { ended } from "./helpers/child.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

describeWith(["blender"], "what Blender's engines draw, against the saved render", ({ blender }) => {
  let folder: string;
  let receiver: Receiver;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rendercast-engines-"));
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    await receiver.close();
    await rm(folder, { recursive: true });
  });

  // Without a GPU, EEVEE of Blender 4.2 and later compiles its shaders for up to a minute.
  test.each(["workbench", "eevee", "cycles"])(
    "background.py with %s",
    { timeout: 240_000 },
    async (engine) => {
      const picture = join(folder, "saved.png");
      const before = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1"];
      const own = ["--server", receiver.url, "--size", "160x90", "--frames", "2", "--animate", "off"];
      const scene = ["--engine", "scene", "--antialiasing", "8", "--script", "test/blender/engine_scene.py"];
      const child = spawn(blender, [...before, "-P", "blender/background.py", "--", ...own, ...scene], {
        cwd: root,
        env: { ...process.env, ENGINE: engine, PICTURE: picture },
      });
      const { code, output } = await ended(child);
      expect(code, output).toBe(0);
      const saved = await readPicture(picture);
      // Coloured lights and four objects: not one empty picture against another.
      expect(new Set(saved.rgb).size).toBeGreaterThan(100);
      // EEVEE of Blender 4.2 to 4.5 draws the second picture, of which this is the first, with fewer samples.
      const frame = receiver.frames.at(-1);
      if (!frame) throw new Error("no frame came");
      const { mean, far } = difference(pixelsOf(frame), saved);
      expect(mean).toBeLessThan(1);
      expect(far).toBeLessThan(0.01);
    },
  );

  test.each(["eevee", "cycles"])(
    "the built-in scene has its colours with %s",
    { timeout: 240_000 },
    async (engine) => {
      const before = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1"];
      const own = ["--server", receiver.url, "--size", "160x90", "--frames", "1", "--engine", engine];
      const child = spawn(blender, [...before, "-P", "blender/background.py", "--", ...own], { cwd: root });
      const { code, output } = await ended(child);
      expect(code, output).toBe(0);
      const [frame] = receiver.frames;
      if (!frame) throw new Error("no frame came");
      const { rgb } = pixelsOf(frame);
      const share = (is: (red: number, green: number, blue: number) => boolean) => {
        let count = 0;
        for (let i = 0; i < rgb.length; i += 3)
          if (is(rgb[i] ?? 0, rgb[i + 1] ?? 0, rgb[i + 2] ?? 0)) count++;
        return count / (rgb.length / 3);
      };
      expect(share((red, _, blue) => red > blue + 60)).toBeGreaterThan(0.01);
      expect(share((red, _, blue) => blue > red + 40)).toBeGreaterThan(0.01);
    },
  );

  test("the robot arm is drawn with its data", async () => {
    const before = ["-b", "-noaudio", "--factory-startup", "--python-exit-code", "1"];
    const own = ["--server", receiver.url, "--size", "160x90", "--frames", "3"];
    const script = ["--script", "examples/robot-arm/robot_arm.py"];
    const child = spawn(blender, [...before, "-P", "blender/background.py", "--", ...own, ...script], {
      cwd: root,
    });
    const { code, output } = await ended(child);
    expect(code, output).toBe(0);
    expect(output).not.toMatch(/Traceback|Deprecat/);
    expect(receiver.telemetry).toHaveLength(3);
    const [frame] = receiver.frames;
    if (!frame) throw new Error("no frame came");
    expect(new Set(pixelsOf(frame).rgb).size).toBeGreaterThan(50);
  });
});

describeWith(["blender", "xvfb"], "what the add-on draws in Blender's window", ({ blender, xvfb }) => {
  test("matches the engine's render, through the camera and in the viewport", {
    timeout: 1_800_000,
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "rendercast-engines-"));
    const receiver = await Receiver.start();
    const screen = spawn(xvfb, ["-displayfd", "3", "-screen", "0", "640x480x24"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const [display] = (await once(screen.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
    const env = {
      ...process.env,
      HOME: folder,
      // The add-on itself, without installing it.
      BLENDER_USER_SCRIPTS: await scriptsIn(folder),
      DISPLAY: `:${display.toString().trim()}`,
      LIBGL_ALWAYS_SOFTWARE: "1",
    };
    const child = spawn(
      blender,
      [
        ...["--factory-startup", "-noaudio", "--window-geometry", "0", "0", "640", "480"],
        ...["--addons", "rendercast", "-P", "test/blender/drive_engines.py", "--", receiver.url, folder],
      ],
      { cwd: root, env },
    );
    try {
      const { code, output } = await ended(child);
      expect(code, output).toBe(0);
      const shots = [...output.matchAll(/^shot: (.*)$/gm)].map(([, name = ""]) => name);
      expect(shots).toEqual([
        ...["workbench camera", "workbench viewport in camera", "workbench viewport"],
        ...["eevee camera", "eevee viewport in camera", "eevee viewport", "cycles camera"],
      ]);
      for (const shot of shots) {
        const frame = receiver.frames.findLast(({ headers }) =>
          headers.get("x-telemetry")?.includes(`"${shot}"`),
        );
        if (!frame) throw new Error(`no frame of ${shot} came`);
        const { mean, far } = difference(pixelsOf(frame), await readPicture(join(folder, `${shot}.png`)));
        expect.soft(mean, shot).toBeLessThan(1);
        expect.soft(far, shot).toBeLessThan(0.01);
      }
    } finally {
      child.kill("SIGKILL");
      screen.kill();
      await receiver.close();
      await rm(folder, { recursive: true });
    }
  });
});

/** A folder of Blender's scripts that holds the add-on. */
async function scriptsIn(folder: string): Promise<string> {
  await mkdir(join(folder, "addons"));
  await symlink(join(root, "blender/rendercast"), join(folder, "addons/rendercast"));
  return folder;
}
