# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender functions that background.py and loop.py share: files, engines, rendering, rotation, signals."""

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

from command_line import ENGINES, ScriptError, requested_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROTATION_PERIOD = 6
"""Seconds per rotation of the object that --turn names."""


def check_opened() -> None:
    """Raises ScriptError if Blender did not open the requested file, or if it has a window."""
    requested = requested_scene(sys.argv)
    if requested and not bpy.data.filepath:
        raise ScriptError(f"Blender did not open {requested}; check its path, and name it before -P.")
    if not bpy.app.background:
        raise ScriptError("this script would freeze Blender's window; start Blender with -b, or use the add-on.")


def check_camera(scene: bpy.types.Scene) -> None:
    """Raises ScriptError if the scene has no camera."""
    if not scene.camera:
        raise ScriptError(f"the scene {scene.name} has no camera; add one to it in Blender and save the file.")


def engine_id(scene: bpy.types.Scene, engine: str) -> str:
    """Returns this Blender's id of the engine. Raises ScriptError if it is missing."""
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
    """Renders one frame and writes it to the scene's file path. Raises ScriptError."""
    try:
        with quiet():
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        cycles = getattr(scene, "cycles", None)
        # Debian's Blender is built without OpenImageDenoise.
        if cycles and "OpenImageDenoise" in str(error) and cycles.use_denoising:
            cycles.use_denoising = False
            render(scene)
            return
        raise ScriptError(f"Blender cannot render this scene: {' '.join(str(error).split())}") from error


def timeline(scene: bpy.types.Scene) -> range:
    """Returns the frames that Blender's Play button plays."""
    preview = scene.use_preview_range
    first = scene.frame_preview_start if preview else scene.frame_start
    last = scene.frame_preview_end if preview else scene.frame_end
    return range(first, max(first, last) + 1)


def turned_object(scene: bpy.types.Scene, name: str) -> bpy.types.Object | None:
    """Returns the object that --turn names; None for `none`. Raises ScriptError."""
    if name == "none":
        return None
    if name == "active":
        thing = bpy.context.view_layer.objects.active
        if not thing:
            raise ScriptError("the scene has no active object; give --turn the name of an object, or none.")
        return thing
    thing = scene.objects.get(name)
    if not thing:
        raise ScriptError(f"the scene has no object {name}; give --turn the name of one, active or none.")
    return thing


def rotation(thing: bpy.types.Object | None, fps: float) -> Callable[[int], None]:
    """Returns a function that rotates the object about its vertical axis to its angle in frame n."""
    if not thing:
        return lambda _frame: None

    bpy.context.view_layer.update()
    start = thing.matrix_world.copy()
    pivot = Matrix.Translation(start.translation)
    step = tau / ROTATION_PERIOD / fps

    def turn(frame: int) -> None:
        # From the start each time, so that errors do not add up; by matrix, so that it works in any rotation mode.
        thing.matrix_world = pivot @ Matrix.Rotation(frame * step % tau, 4, "Z") @ pivot.inverted() @ start

    return turn


def stop_on_signals() -> Callable[[], bool]:
    """Lets a signal finish the current frame instead of ending Blender. Returns whether one has come."""
    came = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal came
        came = True

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, on_signal)
    return lambda: came


def on_each_signal(heard: Callable[[int], None]) -> None:
    """Calls `heard` on a thread with the number of signals so far, at once, even during a long render.

    Python's own handlers run between two frames only; the wakeup descriptor gets a signal at once.
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
    """Discards what Blender prints per render. If nobody reads a pipe, it fills up and blocks Blender."""
    sys.stdout.flush()
    saved = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)
