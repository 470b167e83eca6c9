import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { type Pixels, pixelsOf, Receiver, readPicture } from "./helpers/addon-receiver.ts";
import { ended } from "./helpers/child.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Flat colours whose numbers are known, seen straight on, through the view transform that Blender begins with. */
const COLOURS = `
import bpy, os
scene = bpy.context.scene
for thing in list(scene.objects):
    bpy.data.objects.remove(thing)
for index, colour in enumerate(((1, 0, 0, 1), (0.2159, 0.2159, 0.2159, 1), (1, 1, 1, 1), (0, 0.3, 1, 1))):
    bpy.ops.mesh.primitive_plane_add(size=1, location=(index - 1.5, 0.25 * index, 0))
    bpy.context.object.color = colour
camera = bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye"))
scene.collection.objects.link(camera)
camera.location = (0, 0, 5)
camera.data.type, camera.data.ortho_scale = "ORTHO", 5
scene.camera = camera
scene.render.engine = "BLENDER_WORKBENCH"
scene.display.shading.light, scene.display.shading.color_type = "FLAT", "OBJECT"
scene.display.render_aa = "OFF"
scene.render.resolution_x, scene.render.resolution_y = 160, 90
scene.view_settings.view_transform = os.environ["TRANSFORM"]
# Saved pictures are dithered otherwise.
scene.render.dither_intensity = 0
`;
const SAVE = `
scene.render.resolution_percentage = 100
scene.render.filepath = os.environ["PICTURE"]
bpy.ops.render.render(write_still=True)
`;

/** Of a scene that says which frame it is at. */
const TELLS = `
import bpy, rendercast
def tell(scene, *_):
    rendercast.publish_data({"frame": scene.frame_current, "état": "läuft ✓"})
bpy.app.handlers.frame_change_post.append(tell)
bpy.context.scene.frame_end = 3
`;

/** The most by which a channel differs, and the colours there are. */
function compare(one: Pixels, other: Pixels): { most: number; colours: Set<string> } {
  expect([one.width, one.height]).toEqual([other.width, other.height]);
  let most = 0;
  const colours = new Set<string>();
  for (let i = 0; i < one.rgb.length; i++) {
    most = Math.max(most, Math.abs((one.rgb[i] ?? 0) - (other.rgb[i] ?? 0)));
    if (i % 3 === 0) colours.add(one.rgb.subarray(i, i + 3).join());
  }
  return { most, colours };
}

describeWith(["blender"], "Blender in background, publishing", ({ blender }) => {
  let folder: string;
  let receiver: Receiver;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "rendercast-addon-"));
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await receiver.close();
    await rm(folder, { recursive: true });
  });

  const run = (before: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const child = spawn(blender, ["-b", "-noaudio", "--python-exit-code", "1", ...before], {
      cwd: root,
      env: { ...process.env, ...env },
    });
    children.push(child);
    return child;
  };
  const publishing = (options: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const own = ["--server", receiver.url, "--size", "160x90", ...options];
    return run(["--factory-startup", "-P", "blender/background.py", "--", ...own], env);
  };
  const script = async (text: string, name = "script.py") => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };

  test.each(["Standard", "Filmic"])(
    "sends the colours of the saved render, by way of %s",
    async (transform) => {
      const picture = join(folder, "saved.png");
      const environment = { TRANSFORM: transform, PICTURE: picture };
      const scene = await script(COLOURS);
      const saved = await ended(
        run(["--factory-startup", "-P", await script(`${COLOURS}${SAVE}`, "save.py")], environment),
      );
      expect(saved.code, saved.stderr).toBe(0);
      const options = ["--script", scene, "--frames", "1", "--antialiasing", "OFF"];
      const { code, stdout, stderr } = await ended(publishing(options, environment));
      expect(code, stderr).toBe(0);
      expect(stdout).toContain("off screen");
      const [frame] = receiver.frames;
      if (!frame) throw new Error("no frame came");
      const { most, colours } = compare(pixelsOf(frame), await readPicture(picture));
      expect(most).toBeLessThanOrEqual(1);
      // The background and the four planes: the comparison was not one of two empty pictures.
      expect(colours.size).toBeGreaterThanOrEqual(5);
      if (transform === "Standard")
        expect([...colours]).toEqual(expect.arrayContaining(["255,0,0", "255,255,255"]));
    },
  );

  test("numbers its frames, says when each was captured, and closes the stream", async () => {
    const before = Date.now();
    const { code, stderr } = await ended(publishing(["--frames", "5"]));
    expect(code, stderr).toBe(0);
    expect(receiver.frames.map(({ headers }) => headers.get("x-frame-number"))).toEqual([
      "1",
      "2",
      "3",
      "4",
      "5",
    ]);
    for (const { headers } of receiver.frames) {
      const captured = Number(headers.get("x-captured"));
      expect(captured).toBeGreaterThan(before);
      expect(captured).toBeLessThanOrEqual(Date.now());
    }
    expect(receiver.ended).toBe(true);
    // Without a .blend it is the scene of its own, turning.
    const [first, last] = [receiver.frames[0], receiver.frames[4]].map((part) => part && pixelsOf(part));
    expect(first && last && compare(first, last).most).toBeGreaterThan(30);
  });

  test("sends a script's data with the frame it belongs to", async () => {
    const options = ["--script", await script(TELLS), "--fps", "24", "--frames", "7"];
    const { code, stderr } = await ended(publishing(options));
    expect(code, stderr).toBe(0);
    expect(receiver.telemetry).toHaveLength(7);
    for (const data of receiver.telemetry) {
      expect(data).toEqual({ frame: expect.toSatisfy((n) => [1, 2, 3].includes(n)), état: "läuft ✓" });
    }
  });

  test("plays the animation once, to its end", async () => {
    const options = ["--script", await script(TELLS), "--fps", "2", "--animate", "once"];
    // At two frames a second and 24 of the scene, three frames are over with the first.
    const { code, stderr } = await ended(publishing(options));
    expect(code, stderr).toBe(0);
    expect(receiver.telemetry).toEqual([{ frame: 1, état: "läuft ✓" }]);
    expect(receiver.ended).toBe(true);
  });

  test("lets a script in the .blend publish if Blender may run it", async () => {
    const scene = join(folder, "scene.blend");
    const save = `import bpy
text = bpy.data.texts.new("tells.py")
text.write(${JSON.stringify(TELLS)})
text.use_module = True
bpy.ops.wm.save_as_mainfile(filepath=${JSON.stringify(scene)})`;
    expect((await ended(run(["--factory-startup", "--python-expr", save]))).code).toBe(0);

    const own = [
      "-P",
      "blender/background.py",
      "--",
      "--server",
      receiver.url,
      "--frames",
      "2",
      "--size",
      "64x36",
    ];
    const opened = await ended(run(["-y", scene, ...own]));
    expect(opened.code, opened.stderr).toBe(0);
    expect(receiver.telemetry).toHaveLength(2);

    const refused = await ended(run(["-Y", scene, ...own]));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("may not run the script tells.py of this file; if you trust it, start");
  });

  test.each([
    ["eevee", /off screen/],
    ["cycles", /by rendering/],
  ])("draws with %s", async (engine, way) => {
    const samples =
      "import bpy\nbpy.context.scene.cycles.samples = 1\nbpy.context.scene.eevee.taa_samples = 1";
    const options = [
      "--script",
      await script(samples),
      "--engine",
      engine,
      "--size",
      "64x36",
      "--frames",
      "2",
    ];
    const { code, stdout, stderr } = await ended(publishing(options));
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(way);
    const [frame] = receiver.frames;
    if (!frame) throw new Error("no frame came");
    const { width, height, rgb } = pixelsOf(frame);
    expect([width, height]).toEqual([64, 36]);
    // The factory's cube, lit from above, before a darker grey: upright if the middle is lighter at the top.
    expect(new Set(rgb).size).toBeGreaterThan(10);
    const row = (y: number) =>
      rgb.subarray((y * width + 28) * 3, (y * width + 36) * 3).reduce((sum, n) => sum + n, 0);
    expect(row(13)).toBeGreaterThan(row(24) * 1.1);
  });

  test("rests while nobody watches, except for a first frame", async () => {
    await receiver.close();
    receiver = await Receiver.start(0);
    const child = publishing([]);
    const lines = createInterface(child.stdout ?? process.stdin);
    await new Promise<void>((resolve) => {
      lines.on("line", (line) => line.includes("paused: no viewers") && resolve());
    });
    const frames = receiver.frames.length;
    expect(frames).toBeGreaterThan(0);
    const idle = () => receiver.parts.length - receiver.frames.length;
    const before = idle();
    await receiver.until(() => idle() >= before + 2);
    // One may have been on its way when it went to rest.
    expect(receiver.frames.length - frames).toBeLessThanOrEqual(1);
    receiver.tellViewers(1);
    await receiver.until(() => receiver.frames.length > frames + 5);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("ends cleanly on %s", async (signal) => {
    const child = publishing([]);
    const end = ended(child);
    await receiver.until(() => receiver.frames.length > 2);
    child.kill(signal);
    const { code, stdout, stderr } = await end;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("rendercast: ended");
    expect(receiver.ended).toBe(true);
  });

  test("ends in the middle of a render that takes minutes", async () => {
    const endless = "import bpy\nbpy.context.scene.cycles.samples = 1";
    const slow = `${endless}
def slow(scene, *_):
    scene.cycles.samples = 1000000 if scene.frame_current > 1 else 1
bpy.app.handlers.frame_change_pre.append(slow)`;
    const options = ["--script", await script(slow), "--engine", "cycles", "--size", "320x180", "--fps", "1"];
    const child = publishing(options);
    const end = ended(child);
    // The first has come, and the one in work does not; two idle parts are the sign of that.
    await receiver.until(
      () => receiver.frames.length > 0 && receiver.parts.length > receiver.frames.length + 1,
    );
    const asked = performance.now();
    child.kill("SIGTERM");
    const { code } = await end;
    expect(code).toBe(0);
    expect(receiver.ended).toBe(true);
    // Not a bound on speed: without the signal it would take hours.
    expect(performance.now() - asked).toBeLessThan(20_000);
  });

  test("says in one sentence what is wrong", async () => {
    const camera = await ended(publishing(["--camera", "Nowhere"]));
    expect(camera.code).toBe(1);
    expect(camera.stderr).toContain("has no camera Nowhere");

    const failing = await script('raise ValueError("no such robot")');
    const failed = await ended(publishing(["--script", failing]));
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain(`rendercast: the script ${failing}, line 1 failed: no such robot`);

    receiver.refusal = { status: 409, sentence: "The stream 'main' has another source: use another name." };
    const refused = await ended(publishing(["--frames", "3"]));
    expect(refused.code, refused.output).toBe(1);
    expect(refused.stderr).toContain("refused: The stream 'main' has another source: use another name.");
    expect(refused.stdout).not.toMatch(/publishing|paused|ended/);

    const option = await ended(publishing(["--engine", "povray"]));
    expect(option.code).toBe(2);
    expect(option.stderr).toMatch(/^rendercast: .*povray/m);
  });
});
