# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what users do in Blender's window while the add-on streams. `test/e2e/addon-blender.test.ts` runs it.

    blender -P drive_addon.py -- SERVER FOLDER TOKEN

Prints `step: NAME` for each step whose frames were sent, and quits Blender while it streams. Exits with code 1 if a
step fails.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from mathutils import Vector

sys.path.insert(0, str(Path(__file__).parent))

from driving import module, run, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER, FOLDER, TOKEN = sys.argv[sys.argv.index("--") + 1 :]
PATIENCE = 180.0
"""Seconds. Without a GPU, compiling EEVEE's shaders takes up to a minute, and more on a busy machine."""


def settings() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.rendercast


def sent() -> int:
    return session()._current._publisher.status.sent


def more_frames(count: int = 3) -> Callable[[], bool]:
    """Waits for that many more frames, without a problem."""
    before = sent()
    return lambda: sent() >= before + count and not session().shown().problem


def problem(words: str) -> Callable[[], bool]:
    return lambda: words in session().shown().problem


def measured(spans: list[tuple[float, float]], count: int) -> Callable[[], bool]:
    """Waits for that many slow frames, and records when each began and ended."""
    kind = session().Session
    draw = kind._draw

    def slow(self: object) -> None:
        began = time.perf_counter()
        time.sleep(0.15)
        draw(self)
        spans.append((began, time.perf_counter()))

    def enough() -> bool:
        if len(spans) < count:
            return False
        kind._draw = draw
        return True

    kind._draw = slow
    return enough


def refusing_server() -> str:
    """Returns the address of a server whose stream has another source."""
    listener = socket.create_server(("127.0.0.1", 0))
    said = b"The stream 'addon' has another source: use another name."
    head = b"HTTP/1.1 409 Conflict\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(said)

    def refuse() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head + said)

    threading.Thread(target=refuse, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def done(name: str) -> None:
    print(f"step: {name}", flush=True)


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def view() -> bpy.types.SpaceView3D:
    return next(area.spaces.active for area in window().screen.areas if area.type == "VIEW_3D")


def looks() -> tuple[object, ...]:
    """Returns the settings of the user's own view."""
    space = view()
    return (space.shading.type, space.overlay.show_overlays, space.show_gizmo, space.region_3d.view_matrix.copy())


def drive() -> Iterator[Callable[[], object]]:
    """The steps. Each yields a condition to wait for."""
    show_panels()
    scene = bpy.context.scene
    # Workbench's default look needs no textures or shaders, which take long to compile without a GPU.
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    asked = settings()
    asked.server, asked.stream, asked.rest = SERVER, "addon", False
    asked.token = TOKEN
    asked.width, asked.height, asked.fps, asked.names = 160, 90, 30, "speed"
    scene["speed"] = 3.5
    before = looks()
    assert bpy.ops.rendercast.start() == {"FINISHED"}
    assert not bpy.ops.rendercast.start.poll()
    yield lambda: session().shown().state == "live"
    yield more_frames(10)
    assert looks() == before, (looks(), before)
    done("start")

    import rendercast

    rendercast.publish_data({"marker": "from a script", "at": Vector((1, 2, 3))})
    yield more_frames()
    cube = scene.objects["Cube"]
    cube["pos"], cube["arm"], cube["friend"] = [1.0, 2.5], {"joints": [1, 2]}, scene.objects["Camera"]
    settings().names = "speed, pos, arm"
    yield more_frames()
    settings().names = "pos, friend, nothing, speed"
    yield problem("'friend' cannot be sent: Object cannot be converted to JSON.")
    assert "has a custom property 'nothing'." in session().shown().problem, session().shown()
    assert session().shown().state == "live"
    settings().names = "speed"
    yield more_frames()
    done("data")

    spans: list[tuple[float, float]] = []
    yield measured(spans, 6)
    # The interface gets as much time as the frame took, on a machine of any speed.
    for (began, ended), (again, _) in zip(spans, spans[1:]):
        assert again - ended >= (ended - began) * 0.9, spans
    done("share")

    yield lambda: session().shown().figures is not None
    with bpy.context.temp_override(window=window()):
        bpy.ops.screen.screenshot(filepath=f"{FOLDER}/panel.png")
    done("figures")

    with bpy.context.temp_override(window=window()):
        for x in range(3):
            scene.objects["Cube"].location.x = x
            bpy.ops.ed.undo_push(message="Move")
        bpy.ops.ed.undo()
        bpy.ops.ed.undo()
        bpy.ops.ed.redo()
    yield more_frames()
    done("undo")

    settings().width, settings().height = 320, 180
    yield more_frames()
    settings().source = "VIEWPORT"
    yield more_frames()
    settings().source = "CAMERA"
    yield more_frames()
    done("size and source")

    other = bpy.data.scenes.new("Other")
    window().scene = other
    yield problem("The scene Other has no camera")
    assert session().shown().state == "blocked"
    window().scene = bpy.data.scenes["Scene"]
    yield more_frames()
    bpy.data.scenes.remove(other)
    yield more_frames()
    done("scene switch")

    camera = bpy.data.objects["Camera"]
    kept = camera.matrix_world.copy()
    bpy.data.objects.remove(camera)
    yield problem("has no camera")
    new = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(new)
    new.matrix_world = kept
    bpy.context.scene.camera = new
    yield more_frames()
    done("camera deleted")

    for name in ("Animation", "Scripting", "Compositing", "Layout"):
        window().workspace = bpy.data.workspaces[name]
        yield lambda name=name: window().workspace.name == name
        yield more_frames()
    assert looks()[:3] == before[:3], looks()
    done("workspaces")

    with bpy.context.temp_override(window=window()):
        bpy.ops.render.render("INVOKE_DEFAULT")
    yield lambda: not bpy.app.is_job_running("RENDER")
    yield more_frames()
    done("render")

    with bpy.context.temp_override(window=window()):
        bpy.ops.screen.animation_play()
    yield more_frames(10)
    with bpy.context.temp_override(window=window()):
        bpy.ops.screen.animation_play()
    done("playing")

    bpy.ops.wm.save_as_mainfile(filepath=f"{FOLDER}/other.blend")
    # Saved last, with the settings that streamed; uncompressed, so that the test can read it.
    bpy.ops.wm.save_as_mainfile(filepath=f"{FOLDER}/saved.blend", compress=False)
    yield more_frames()
    done("save")

    bpy.ops.wm.revert_mainfile()
    yield more_frames()
    assert settings().token == TOKEN
    done("revert")

    # The next files have no such property.
    settings().names = ""
    for way, name in (
        (lambda: bpy.ops.wm.open_mainfile(filepath=f"{FOLDER}/other.blend"), "other file"),
        (bpy.ops.wm.read_homefile, "new file"),
        (bpy.ops.wm.read_homefile, "new file again"),
    ):
        way()
        assert not session().shown().running
        assert "its file was closed" in session().shown().problem, session().shown()
        assert settings().stream == "addon"
        assert bpy.ops.rendercast.start() == {"FINISHED"}
        yield lambda: session().shown().state == "live"
        yield more_frames()
        done(name)

    assert bpy.ops.rendercast.stop() == {"FINISHED"}
    assert session().shown() == session().Shown()
    settings().server, settings().token = refusing_server(), ""
    assert bpy.ops.rendercast.start() == {"FINISHED"}
    yield lambda: not session().shown().running
    assert "refused: The stream 'addon' has another source" in session().shown().problem, session().shown()
    # The problem is not shown for another address, nor above that address's own problem.
    settings().server = "foo..bar"
    assert session().shown() == session().Shown()
    settings().server, settings().token = SERVER, TOKEN
    assert session().shown() == session().Shown()
    done("refused")

    # From 4.2 on, Blender begins offline; all of the above was on this machine.
    settings().server = "https://stage.example:8443"
    if not getattr(bpy.app, "online_access", True):
        try:
            bpy.ops.rendercast.start()
        except RuntimeError as error:
            assert "For stage.example, turn on Allow Online Access" in str(error), error
        else:
            raise AssertionError("it started offline")
        bpy.context.preferences.system.use_online_access = True
        settings().server = "http://192.0.2.1:8080"
        assert bpy.ops.rendercast.start() == {"FINISHED"}
        bpy.context.preferences.system.use_online_access = False
        yield problem("turn on Allow Online Access")
        assert not session().shown().running
    settings().server = SERVER
    done("offline")

    settings().stream = "a b"
    try:
        bpy.ops.rendercast.start()
    except RuntimeError as error:
        assert "not a stream name" in str(error), error
    else:
        raise AssertionError("a bad name was accepted")
    settings().stream = "addon"
    bpy.ops.rendercast.start()
    yield lambda: session().shown().state == "live"
    yield more_frames()
    done("again")

    with bpy.context.temp_override(window=window()):
        bpy.ops.wm.quit_blender()
    yield lambda: False


def show_panels() -> None:
    """Moves the panels to tabs that are shown: only a click can choose a tab."""
    panel = module("panel").RENDERCAST_PT_sidebar
    bpy.utils.unregister_class(panel)
    panel.bl_category, panel.bl_order = "Item", -1
    bpy.utils.register_class(panel)
    for area in window().screen.areas:
        if area.type == "VIEW_3D":
            area.spaces.active.show_region_ui = True
        elif area.type == "PROPERTIES":
            area.spaces.active.context = "RENDER"


if __name__ == "__main__":
    Path(FOLDER).mkdir(exist_ok=True)
    run(drive(), PATIENCE)
