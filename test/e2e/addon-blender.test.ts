import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeWith } from "../setup/suites.ts";
import { Receiver } from "./helpers/addon-receiver.ts";
import { ended } from "./helpers/child.ts";

/** What the user types as the token. */
const TOKEN = "typed-by-the-user";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Installs it as this Blender does: from 4.2 on as an extension, whose package has a longer name. */
const INSTALL = `
import bpy, os
if bpy.app.version >= (4, 2):
    bpy.ops.extensions.package_install_files(filepath=os.environ["ZIP"], repo="user_default", enable_on_install=True)
else:
    bpy.ops.preferences.addon_install(filepath=os.environ["ZIP"])
    bpy.ops.preferences.addon_enable(module="rendercast")
bpy.context.preferences.view.show_splash = False
bpy.ops.wm.save_userpref()
`;

/** The way of an extension, whose package Blender calls by a longer name. */
const AS_EXTENSION = `
import bpy, importlib, sys, types
house = types.ModuleType("bl_ext")
house.__path__ = [${JSON.stringify(join(root, "blender"))}]
sys.modules["bl_ext"] = house
addon = importlib.import_module("bl_ext.rendercast")
addon.register()
import rendercast
# Blender reports extensions whose files are loaded under names outside of its own package.
assert not hasattr(rendercast, "__file__") and not any(name.startswith("rendercast.") for name in sys.modules)
rendercast.publish_data({"angle": 1})
assert addon.telemetry.telemetry.take() == b'{"angle":1}'
try:
    rendercast.publish_data({"angle": float("nan")})
except rendercast.TelemetryError as error:
    assert "NaN" in str(error), error
else:
    raise AssertionError("NaN was taken")
addon.unregister()
assert "rendercast" not in sys.modules
assert not hasattr(bpy.types.WindowManager, "rendercast")
addon.register()
addon.unregister()
`;

const ENABLED = `
import bpy, rendercast
module = next(name for name in bpy.context.preferences.addons.keys() if name.split(".")[-1] == "rendercast")
assert module == ("bl_ext.user_default.rendercast" if bpy.app.version >= (4, 2) else "rendercast"), module
if bpy.app.version >= (4, 2):
    import addon_utils
    assert not addon_utils._extensions_warnings_get(), addon_utils._extensions_warnings_get()
assert bpy.ops.rendercast.start.poll()
rendercast.publish_data({"angle": 31.5})
try:
    bpy.ops.rendercast.start()
except RuntimeError as error:
    assert "background.py" in str(error), error
else:
    raise AssertionError("it started without a window")
fields = bpy.context.window_manager.rendercast
fields.server, fields.token = "https://stage.example:8443", "typed"
bpy.ops.preferences.addon_disable(module=module)
assert not hasattr(bpy.types.WindowManager, "rendercast")
assert not any(own.__module__.startswith(module) for own in bpy.app.handlers.load_pre)
bpy.ops.preferences.addon_enable(module=module)
fields = bpy.context.window_manager.rendercast
assert (fields.server, fields.token) == ("https://stage.example:8443", "typed"), (fields.server, fields.token)
`;

describeWith(["blender", "python", "xvfb"], "the add-on", ({ blender, python, xvfb }) => {
  let home: string;
  let zip: string;

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), "rendercast-home-"));
    zip = join(home, "rendercast-blender.zip");
    execFileSync(python, ["blender/build_zip.py", zip], { cwd: root });
    const installed = await ended(background("--factory-startup", "--python-expr", INSTALL));
    expect(installed.code, installed.output).toBe(0);
  }, 120_000);
  afterAll(() => rm(home, { recursive: true }));

  const environment = () => {
    // Whatever the machine's own Blender is told, this one has a home of its own.
    const rest = Object.entries(process.env).filter(([name]) => !/^(BLENDER_|XDG_)/.test(name));
    return { ...Object.fromEntries(rest), HOME: home, ZIP: zip, SAVED: join(home, "driven", "saved.blend") };
  };
  const background = (...options: string[]) =>
    spawn(blender, ["-b", "-noaudio", "--python-exit-code", "1", ...options], {
      cwd: root,
      env: environment(),
    });

  test("builds to the same zip every time, with one folder in it", async () => {
    const again = join(home, "again.zip");
    execFileSync(python, ["blender/build_zip.py", again], { cwd: root });
    expect((await readFile(again)).equals(await readFile(zip))).toBe(true);
    const list = "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist(), sep='\\n')";
    const names = execFileSync(python, ["-c", list, zip], { encoding: "utf8" }).trim().split("\n");
    expect(names).toEqual(
      expect.arrayContaining(["rendercast/__init__.py", "rendercast/blender_manifest.toml"]),
    );
    expect(names.filter((name) => !/^rendercast\/[A-Za-z_]+(\.py|\.toml)?$/.test(name))).toEqual([]);
  });

  test("installs, and can be imported by its name, disabled and enabled", async () => {
    const { code, output } = await ended(background("--python-expr", ENABLED));
    expect(code, output).toBe(0);
    expect(output).not.toContain("Traceback");
  });

  test("can be imported by its name as an extension, too", async () => {
    const { code, output } = await ended(background("--factory-startup", "--python-expr", AS_EXTENSION));
    expect(code, output).toBe(0);
  });

  describe("in Blender's window", () => {
    test("keeps streaming whatever the user does, and ends with Blender", { timeout: 600_000 }, async () => {
      const folder = join(home, "driven");
      await mkdir(folder);
      const receiver = await Receiver.start(1);
      // It says on a descriptor of its own which display is free.
      const screen = spawn(xvfb, ["-displayfd", "3", "-screen", "0", "1400x1000x24"], {
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      });
      const [display] = (await once(screen.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
      const child = spawn(
        blender,
        [
          ...["-noaudio", "--window-geometry", "0", "0", "1400", "1000"],
          ...["-P", "test/blender/drive_addon.py", "--", receiver.url, folder, TOKEN],
        ],
        {
          cwd: root,
          env: { ...environment(), DISPLAY: `:${display.toString().trim()}`, LIBGL_ALWAYS_SOFTWARE: "1" },
        },
      );
      try {
        const { code, signal, output } = await ended(child);
        expect([code, signal], output).toEqual([0, null]);
        expect(output).not.toContain("Traceback");
        const steps = [...output.matchAll(/^step: (.*)$/gm)].map(([, name]) => name);
        expect(steps).toEqual([
          ...["start", "data", "share", "figures", "undo", "size and source", "scene switch"],
          ...["camera deleted", "workspaces", "render", "playing", "save", "revert"],
          ...["other file", "new file", "new file again", "refused", "offline", "again"],
        ]);
        // Started anew in each of three files, and once more after Stop.
        expect(receiver.publishers).toBe(5);
        expect(receiver.tokens).toEqual(new Set([TOKEN]));
        expect(receiver.ended).toBe(true);
        expect(receiver.telemetry).toContainEqual({ speed: 3.5 });
        expect(receiver.telemetry).toContainEqual({ speed: 3.5, marker: "from a script", at: [1, 2, 3] });
        expect(receiver.telemetry).toContainEqual({ speed: 3.5, pos: [1, 2.5], arm: { joints: [1, 2] } });
        // One name that will not do takes none of the others with it.
        expect(receiver.telemetry).toContainEqual({ speed: 3.5, pos: [1, 2.5] });
        const sizes = receiver.frames.map(
          ({ headers }) => /width=(\d+)/.exec(headers.get("content-type") ?? "")?.[1],
        );
        expect(new Set(sizes)).toEqual(new Set(["160", "320"]));
        const window = await sharp(join(folder, "panel.png")).metadata();
        expect([window.width, window.height]).toEqual([1400, 1000]);
      } finally {
        child.kill("SIGKILL");
        screen.kill();
        await receiver.close();
      }

      const file = await readFile(join(folder, "saved.blend"));
      // The scene's own property is in it, and so a token would be readable as well.
      expect([file.includes("speed"), file.includes(TOKEN)]).toEqual([true, false]);

      // What the add-on did to the views that nobody sees is not in the file.
      const check = `import bpy, os
def views():
    spaces = [(s.name, a.spaces.active) for s in bpy.data.screens for a in s.areas if a.type == "VIEW_3D"]
    return {
        (name, s.overlay.show_overlays, s.show_gizmo, s.shading.type, s.use_local_camera, s.region_3d.view_perspective)
        for name, s in spaces
    }
# When the user deleted the camera, Blender itself ended the views through it.
factory = {(*view[:-1], "PERSP" if view[-1] == "CAMERA" else view[-1]) for view in views()}
bpy.ops.wm.open_mainfile(filepath=os.environ["SAVED"])
assert views() == factory, views() ^ factory
assert bpy.context.scene.camera.name == "Camera", bpy.context.scene.camera
manager = bpy.context.window_manager
assert not manager.get("rendercast"), "the panel's fields are in the file"`;
      const saved = await ended(background("--factory-startup", "--python-expr", check));
      expect(saved.code, saved.output).toBe(0);
    });
  });
});
