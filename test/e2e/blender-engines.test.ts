import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
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
});
