# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams from Blender's window by the add-on, and lets viewers turn the view. `test/e2e/control-blender.test.ts` runs it.

    blender -P drive_control.py -- SERVER FOLDER

Unticks the checkbox when FOLDER has a file `untick`. Prints `moved` if the scene's camera or the user's viewport moves.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender"))

import demo_scene
import rendercast

SERVER, FOLDER = sys.argv[sys.argv.index("--") + 1 :]


def places() -> str:
    """Returns where the camera and the user's viewports are."""
    spaces = [area.spaces.active for window in bpy.context.window_manager.windows for area in window.screen.areas]
    views = [space.region_3d.view_matrix.copy() for space in spaces if space.type == "VIEW_3D"]
    return f"{bpy.context.scene.camera.matrix_world} {views}"


def main() -> None:
    """Starts to stream, and checks the places ten times a second."""
    demo_scene.dress(bpy.context.scene)
    # Without a GPU, EEVEE takes up to a minute to compile its shaders.
    bpy.context.scene.render.engine = "BLENDER_WORKBENCH"
    rendercast.register()
    fields = bpy.context.window_manager.rendercast
    fields.server, fields.width, fields.height, fields.fps, fields.control = SERVER, 320, 180, 10, True
    bpy.ops.rendercast.start()
    first = ""

    def check() -> float:
        nonlocal first
        first = first or places()
        if places() != first:
            print("moved", flush=True)
        if (Path(FOLDER) / "untick").exists():
            fields.control = False
        return 0.1

    # The viewports have their matrices once they are drawn.
    bpy.app.timers.register(check, first_interval=1.0)


def begin() -> None:
    """Runs main, and prints its error."""
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()


bpy.app.timers.register(begin, first_interval=0.5)
