# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts without a window do with Blender: opened files, engines, pictures, turning objects, signals."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from math import tau
from typing import TYPE_CHECKING

import bpy
from mathutils import Matrix

from command_line import ENGINES, ScriptError, asked_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_A_TURN = 6


def check_opened() -> None:
    """Refuses to show Blender's own scene in place of the one asked for, and to run in Blender's window."""
    asked = asked_scene(sys.argv)
    if asked and not bpy.data.filepath:
        raise ScriptError(f"Blender did not open {asked}; check its path, and name it before -P.")
    if not bpy.app.background:
        raise ScriptError("this script would freeze Blender's window; start Blender with -b, or use the add-on.")


def check_camera(scene: bpy.types.Scene) -> None:
    """Refuses a scene that nobody looks at."""
    if not scene.camera:
        raise ScriptError(f"the scene {scene.name} has no camera; add one to it in Blender and save the file.")


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
    raise ScriptError(f"this Blender has no {engine}; choose another --engine.")


def render(scene: bpy.types.Scene) -> None:
    """Renders and writes one picture."""
    try:
        with quiet():
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        cycles = getattr(scene, "cycles", None)
        # Debian's Blender is built without it.
        if cycles and "OpenImageDenoise" in str(error) and cycles.use_denoising:
            cycles.use_denoising = False
            render(scene)
            return
        raise ScriptError(f"Blender cannot render this scene: {' '.join(str(error).split())}") from error


def timeline(scene: bpy.types.Scene) -> range:
    """The frames that Blender's Play plays."""
    preview = scene.use_preview_range
    first = scene.frame_preview_start if preview else scene.frame_start
    last = scene.frame_preview_end if preview else scene.frame_end
    return range(first, max(first, last) + 1)


def turned_object(scene: bpy.types.Scene, name: str) -> bpy.types.Object | None:
    """The object that `--turn` names, which knows `active` and `none` too."""
    if name == "none":
        return None
    if name == "active":
        thing = bpy.context.view_layer.objects.active
        if not thing:
            raise ScriptError("the scene has no active object; give the name of one by --turn, or none.")
        return thing
    thing = scene.objects.get(name)
    if not thing:
        raise ScriptError(f"the scene has no object {name}; --turn takes the name of one, active or none.")
    return thing


def turning(thing: bpy.types.Object | None, fps: float) -> Callable[[int], None]:
    """Returns what turns the object about its vertical axis to where it is at a picture."""
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


def on_each_signal(heard: Callable[[int], None]) -> None:
    """Has this called, on a thread, with how many signals have come: at once, even in a picture that takes minutes.

    Python's own handlers run between two pictures only; the descriptor learns of a signal before.
    """
    here, there = socket.socketpair()
    there.setblocking(False)
    signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        count = 0
        with here, there:
            while here.recv(1):
                count += 1
                heard(count)

    threading.Thread(target=listen, name="rendercast signals", daemon=True).start()


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
