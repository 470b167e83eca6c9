# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams one scene under every engine from Blender's window. `test/e2e/blender-engines.test.ts` runs it.

    blender -P drive_engines.py -- SERVER FOLDER

For each shot it saves the render as FOLDER/SHOT.png, and sends the shot's name with each frame that shows it. It exits
with code 1 if a shot fails.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

sys.path.insert(0, str(Path(__file__).parent))

import engine_scene
from driving import run, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
SIZE = (160, 90)
FRAMES = 3
"""Of each shot. EEVEE of Blender 4.2 to 4.5 draws the second with fewer samples."""
PATIENCE = 300.0
"""Seconds per shot, with the compilation of shaders."""
VIEWPORT_SENSOR = 72
"""Millimetres that a viewport's lens spans."""


def drive() -> Iterator[Callable[[], object]]:
    """Takes the shots. Each yields a condition to wait for. Quits Blender after the last."""
    scene = engine_scene.build("workbench")
    asked = bpy.context.window_manager.rendercast
    asked.server, asked.rest, asked.fps = SERVER, False, 30
    asked.width, asked.height = SIZE
    for engine in ("workbench", "eevee", "cycles"):
        # Viewers of Cycles see EEVEE's preview, which is compared with EEVEE's render.
        engine_scene.settle(scene, "eevee" if engine == "cycles" else engine)
        engine_scene.save(scene, f"{FOLDER}/{engine} camera.png", *SIZE)
        engine_scene.settle(scene, engine)
        asked.source = "CAMERA"
        yield from shot(f"{engine} camera")
        if engine == "cycles":
            continue
        yield from viewport_shots(scene, engine)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.wm.quit_blender()


def viewport_shots(scene: bpy.types.Scene, engine: str) -> Iterator[Callable[[], object]]:
    """The user's own viewport, free and through the camera."""
    # In Blender 3, EEVEE's shadows are wrong if it draws two viewports by turns: here, the window's and ours.
    cast_shadows(bpy.app.version >= (4, 2))
    space = view()
    space.shading.type, space.overlay.show_overlays, space.show_gizmo = "RENDERED", False, False
    space.region_3d.view_perspective = "CAMERA"
    bpy.context.window_manager.rendercast.source = "VIEWPORT"
    engine_scene.save(scene, f"{FOLDER}/{engine} viewport in camera.png", *SIZE)
    yield from shot(f"{engine} viewport in camera")

    space.lens = 45
    space.region_3d.view_perspective = "PERSP"
    space.region_3d.view_matrix = scene.camera.matrix_world.inverted()
    free = bpy.data.objects.new("Free", bpy.data.cameras.new("Free"))
    scene.collection.objects.link(free)
    own = scene.camera
    free.matrix_world = own.matrix_world
    free.data.lens, free.data.sensor_width = space.lens, VIEWPORT_SENSOR
    scene.camera = free
    engine_scene.save(scene, f"{FOLDER}/{engine} viewport.png", *SIZE)
    scene.camera = own
    bpy.data.objects.remove(free)
    yield from shot(f"{engine} viewport")
    space.shading.type = "SOLID"
    cast_shadows(True)


def cast_shadows(wanted: bool) -> None:
    """Switches the shadows of all lamps."""
    for lamp in bpy.data.lights:
        lamp.use_shadow = wanted


def shot(name: str) -> Iterator[Callable[[], object]]:
    """Streams the shot until enough frames of it are sent."""
    import rendercast

    assert bpy.ops.rendercast.start() == {"FINISHED"}
    kind = session().Session
    draw = kind._draw

    def named(own: object) -> None:
        rendercast.publish_data({"shot": name})
        draw(own)

    kind._draw = named
    yield lambda: session()._current._publisher.status.sent >= FRAMES
    kind._draw = draw
    assert not session().shown().problem, session().shown()
    assert bpy.ops.rendercast.stop() == {"FINISHED"}
    print(f"shot: {name}", flush=True)


def view() -> bpy.types.SpaceView3D:
    """Returns the user's viewport."""
    screen = bpy.context.window_manager.windows[0].screen
    return next(area.spaces.active for area in screen.areas if area.type == "VIEW_3D")


if __name__ == "__main__":
    run(drive(), PATIENCE)
