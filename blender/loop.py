# SPDX-License-Identifier: GPL-3.0-or-later
"""A render loop for rendercast: renders a scene again and again into one picture file.

    blender -b [scene.blend] -P loop.py -- --folder DIR

README.md beside this file says what the files in the folder mean; `-- --help` lists the options.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import contextmanager
from math import tau
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from mathutils import Matrix

sys.path.insert(0, str(Path(__file__).resolve().parent))

import demo_scene
from loop_core import ENGINES, Flag, LoopError, Options, Pace, Report, asked_scene, make_folder, parse_options, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_A_TURN = 6
SECONDS_A_REPORT = 5


def main() -> int:
    """Runs the loop until it has rendered all its pictures or is stopped. Returns the exit code."""
    options = parse_options(sys.argv)
    try:
        check_opened()
        scene = bpy.context.scene
        own = demo_scene.is_factory_scene(scene)
        if own:
            demo_scene.dress(scene)
        set_up(scene, options)
        run(scene, options, options.turn or ("active" if own else "none"))
    except LoopError as error:
        say(f"rendercast loop: {error}", error=True)
        return 1
    return 0


def check_opened() -> None:
    """Refuses to show Blender's own scene in place of the one asked for."""
    asked = asked_scene(sys.argv)
    if asked and not bpy.data.filepath:
        raise LoopError(f"Blender did not open {asked}; check its path, and name it before -P.")
    if not bpy.app.background:
        raise LoopError("this loop would freeze Blender's window; start Blender with -b.")


def set_up(scene: bpy.types.Scene, options: Options) -> None:
    """Sets the scene up to render one JPEG picture as the options say."""
    if not scene.camera:
        raise LoopError(f"the scene {scene.name} has no camera; add one to it in Blender and save the file.")

    scene.render.engine = engine_id(scene, options.engine)
    scene.display.render_aa = options.antialiasing
    scene.render.resolution_x = options.width
    scene.render.resolution_y = options.height
    scene.render.resolution_percentage = 100
    scene.render.filepath = str(options.folder.resolve() / options.picture)
    # Otherwise Blender may add to the file's name.
    scene.render.use_file_extension = False
    scene.render.use_multiview = False
    # Blender notes these in every picture, which strangers may watch.
    scene.render.use_stamp_filename = False
    scene.render.use_stamp_hostname = False
    image = scene.render.image_settings
    # From Blender 5.0 on a scene set up for video knows no JPEG.
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format = "JPEG"
    image.color_mode = "RGB"
    image.quality = 90


def engine_id(scene: bpy.types.Scene, engine: str) -> str:
    """What this Blender calls the engine."""
    before = scene.render.engine
    for known in ENGINES[engine]:
        try:
            scene.render.engine = known
        except TypeError:
            continue
        scene.render.engine = before
        return known
    raise LoopError(f"this Blender has no {engine}; choose another --engine.")


def run(scene: bpy.types.Scene, options: Options, turned: str) -> None:
    """Renders picture after picture of the scene's frames, over and over, raising the flags around each."""
    turn = turning(scene, turned, options.fps)
    frames = range(scene.frame_start, scene.frame_end + 1)
    stopped = stop_on_signals()
    make_folder(options.folder)
    running = Flag(options.folder / options.running)
    written = Flag(options.folder / options.written)
    size = f"{options.width}x{options.height}"
    moves = "" if turned == "none" else f", turning {turned}"
    say(f"rendercast loop: rendering into {scene.render.filepath} with {options.engine} at {size}{moves}; Ctrl+C ends it")
    running.set(True)
    try:
        pace = Pace(options.fps, time.perf_counter, time.sleep)
        report = Report(SECONDS_A_REPORT, time.perf_counter)
        while not stopped() and (options.frames == 0 or report.total < options.frames):
            pace.wait(stopped)
            scene.frame_set(frames[report.total % len(frames)])
            turn(report.total)
            started = time.perf_counter()
            written.set(False)
            render()
            written.set(True)
            if line := report.frame(time.perf_counter() - started):
                say(line)
    finally:
        running.set(False)
    say(f"rendercast loop: ended; pictures rendered: {report.total}")


def render() -> None:
    """Renders and writes one picture."""
    try:
        with quiet():
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        raise LoopError(f"Blender cannot render this scene: {' '.join(str(error).split())}") from error


def turning(scene: bpy.types.Scene, name: str | None, fps: float) -> Callable[[int], None]:
    """Returns what turns the object about its vertical axis to where it is at a picture."""
    if name in (None, "active"):
        thing = bpy.context.view_layer.objects.active
        if not thing and name:
            raise LoopError("the scene has no active object; give the name of one by --turn, or none.")
    elif name != "none":
        thing = scene.objects.get(name)
        if not thing:
            raise LoopError(f"the scene has no object {name}; --turn takes the name of one, active or none.")
    else:
        thing = None
    if not thing:
        return lambda _frame: None

    bpy.context.view_layer.update()
    start = thing.matrix_world.copy()
    there = Matrix.Translation(start.translation)
    step = tau / SECONDS_A_TURN / fps

    def turn(frame: int) -> None:
        # From the start each time, so that no error adds up; by the matrix, so that any rotation mode will do.
        thing.matrix_world = there @ Matrix.Rotation(frame * step % tau, 4, "Z") @ there.inverted() @ start

    return turn


def stop_on_signals() -> Callable[[], bool]:
    """From now on a signal to end lets the picture in work be finished; returns whether one has come."""
    came = False

    def note(_number: int, _frame: object) -> None:
        nonlocal came
        came = True

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, note)
    return lambda: came


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Blender's lines on each render away: nobody reads them, and in a full pipe they would stop the loop."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


if __name__ == "__main__":
    sys.exit(main())
