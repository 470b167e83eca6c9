# SPDX-License-Identifier: GPL-3.0-or-later
"""The running stream: a timer draws frame after frame, and leaves Blender's interface time in between.

The session, the timer and the file handlers are one file because they share the current stream.
"""

from __future__ import annotations

import atexit
import time
from typing import NamedTuple

import bpy
from bpy.app.handlers import persistent

from . import capture
from .address import AddressError
from .capture import CaptureError, Eye, Place
from .control import CAMERA_POSE, ControlReader
from .orbit import Orbit
from .pacing import Figures, Meter, Share, Ticks, ViewerPause
from .properties import Target, remember, restore, settings, target
from .publisher import Publisher
from .status import StatusReader
from .telemetry import pick, telemetry

POLL_INTERVAL = 0.05
"""Seconds between checks while nothing is drawn."""
RETRY_DELAY = 0.5
"""Seconds after a frame that could not be drawn."""
STOP_TIMEOUT = 0.4
"""Seconds to send the last frame and the end. Aborting afterwards takes up to half a second more."""
RENDER_JOBS = ("RENDER", "OBJECT_BAKE")
"""Blender's jobs that use the GPU from another thread."""
FILE_CLOSED = "The stream ended because its file was closed. Press Start to stream this file."


class SessionError(Exception):
    """No stream can start. The message is a sentence for the user."""


class Shown(NamedTuple):
    """What the panel shows of the stream."""

    running: bool = False
    state: str = ""
    """The publisher's state; or, if it is live but sends nothing, `paused`, `rendering` or `blocked`."""
    problem: str = ""
    """A sentence, or empty."""
    viewers: int | None = None
    figures: Figures | None = None


class Session:
    """One stream, from start to stop. It keeps no reference to Blender's data between frames."""

    def __init__(self, where: Target) -> None:
        self.where = where
        self._publisher = Publisher(*where)
        self._reader = StatusReader(*where)
        self._control: ControlReader | None = None
        self._orbit = Orbit()
        self._surface = capture.OffScreen()
        self._loan = capture.ViewportLoan()
        self._ticks = Ticks(settings().fps, time.perf_counter)
        self._meter = Meter(1, time.perf_counter)
        self._share = Share(time.perf_counter)
        self._pause = ViewerPause(False, time.monotonic)
        self._figures: Figures | None = None
        self._problem = ""
        """Why no frame can be drawn."""
        self._data_problem = ""
        """Why some of the data cannot be sent."""
        self._paused = False
        self._rendering = False
        # Discard what scripts published before the start.
        telemetry.take()

    def start(self) -> None:
        """Starts connecting."""
        self._publisher.start()
        self._reader.start()

    def stop(self) -> None:
        """Ends the stream within a second."""
        self.restore()
        self._publisher.stop(STOP_TIMEOUT)
        self._reader.stop(0.05)
        self._allow_control(False)
        # Here Blender's GPU context is active; when Python collects the surface, it may not be.
        self._surface.free()

    def restore(self) -> None:
        """Restores the borrowed viewports, before a file is saved."""
        self._loan.restore()

    def release(self) -> None:
        """Drops everything that belongs to the file about to be closed; the surface refers to what it drew."""
        self._loan.restore()
        self._surface.free()

    @property
    def refused(self) -> str:
        """Why the server finally refused, or empty."""
        status = self._publisher.status
        return status.problem if status.state == "refused" else ""

    @property
    def shown(self) -> Shown:
        """What the panel shows of this stream."""
        status = self._publisher.status
        state, problem = status.state, status.problem
        if state == "live":
            if self._rendering:
                state = "rendering"
            elif self._paused:
                state = "paused"
            else:
                minor = problem or self._data_problem or (self._control.refusal if self._control else "")
                state, problem = ("blocked", self._problem) if self._problem else (state, minor)
        return Shown(True, state, problem, self._reader.viewers, self._figures)

    def step(self) -> float:
        """Draws and sends a frame if one is due. Returns the seconds until the next step. Raises CaptureError."""
        fields = settings()
        self._allow_control(fields.control)
        status = self._publisher.status
        viewers = self._reader.viewers if fields.rest else None
        self._paused = self._pause.paused(viewers, status.connections)
        self._rendering = any(bpy.app.is_job_running(job) for job in RENDER_JOBS)
        if status.state != "live" or self._paused or self._rendering:
            self._ticks.pause()
            self._meter.restart()
            self._figures = None
            return POLL_INTERVAL
        self._ticks.resume()
        self._ticks.set_fps(fields.fps)
        # Checked here too: Blender counts the wait from the start of the previous step, not from its end.
        if (left := self._wait()) > 0:
            return left
        self._share.begin()
        try:
            self._ticks.take()
            self._draw()
        finally:
            worked = self._share.end()
        self._pause.shown(status.connections)
        self._meter.frame(worked)
        self._figures = self._meter.read() or self._figures
        return self._wait()

    def _allow_control(self, allowed: bool) -> None:
        if allowed and not self._control:
            self._control = ControlReader(*self.where)
            self._control.start()
        elif not allowed and self._control:
            self._control.stop(0.05)
            self._control = None

    def _wait(self) -> float:
        """Returns the seconds until the next frame is due and the interface has had its share of the time."""
        return max(self._ticks.due_in(), self._share.free_for())

    def fail(self, problem: str) -> None:
        """Records why no frame could be drawn."""
        self._problem = problem
        self._figures = None
        self._meter.restart()

    def _draw(self) -> None:
        fields = settings()
        size = (fields.width, fields.height)
        window = main_window()
        scene, layer = window.scene, window.view_layer
        place, eye = self._point_of_view(fields.source, scene, layer, size)
        eye = self._orbit.apply(eye, self._control.pose if self._control else CAMERA_POSE, layer)
        picked = pick(fields.names, {"the scene": scene, "the active object": layer.objects.active})
        self._data_problem = " ".join(filter(None, (telemetry.publish_each(picked.data), picked.missing)))
        self._publisher.send(self._surface.draw(scene, layer, place, eye, size, telemetry.take()))
        self._problem = ""

    def _point_of_view(
        self, source: str, scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]
    ) -> tuple[Place, Eye]:
        if source == "CAMERA":
            eye = capture.camera_eye(scene, layer, size)
            return self._loan.borrow(scene), eye
        self._loan.restore()
        views = capture.places(window.screen for window in windows() if window.scene == scene)
        if not views:
            raise CaptureError("No 3D viewport is visible; open one, or choose Scene camera as the source.")
        place = max(views, key=lambda view: view[1])[0]
        return place, capture.viewport_eye(place, scene, layer, size)


def windows() -> list[bpy.types.Window]:
    """Returns Blender's windows, the main one first."""
    return sorted(bpy.context.window_manager.windows, key=lambda window: window.parent is not None)


def main_window() -> bpy.types.Window:
    """Returns the window whose scene is streamed. Raises CaptureError."""
    found = windows()
    if not found:
        raise CaptureError("Blender has no open window; open one to go on.")
    return found[0]


_current: Session | None = None
_last = Shown()
"""What the panel shows while no stream runs: how the last one ended."""
_last_target: Target | None = None
"""Where the last stream went. Its problem is not shown for another target."""
_drawn = Shown()
"""What the panel showed when it was last drawn."""
_remembered: dict[str, object] = {}
_file = ""
"""The path of the file that was open before Blender opened another."""


def offline(where: Target) -> str:
    """Why Blender's Online Access, which is off by default from 4.2 on, forbids this target; or empty."""
    if where.server.loopback or getattr(bpy.app, "online_access", True):
        return ""
    return (
        f"Blender is offline and may stream to this computer only. For {where.server.host}, "
        "turn on Allow Online Access in Preferences, System."
    )


def running() -> bool:
    """Whether a stream runs."""
    return _current is not None


def shown() -> Shown:
    """Returns what the panel shows."""
    if _current:
        return _current.shown
    try:
        return _last if _last.problem and target() == _last_target else Shown()
    except AddressError:
        return Shown()


def start() -> None:
    """Starts the stream. Raises AddressError and SessionError."""
    global _current
    if bpy.app.background:
        raise SessionError("Blender runs without a window; use background.py instead (see blender/README.md).")
    where = target()
    if problem := offline(where):
        raise SessionError(problem)
    stop()
    _current = Session(where)
    _current.start()
    # Persistent: it survives opening a file, as each step looks everything up again.
    bpy.app.timers.register(_step, first_interval=0, persistent=True)
    _redraw()


def stop(problem: str = "") -> None:
    """Ends the stream, if one runs."""
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)
    _end(problem)


def _step() -> float | None:
    session = _current
    if not session:
        return None
    if problem := session.refused or offline(session.where):
        # Return None instead of unregistering: Blender fails if a timer unregisters itself.
        _end(problem)
        return None
    try:
        wait = session.step()
    except CaptureError as error:
        session.fail(str(error))
        wait = RETRY_DELAY
    except Exception as error:
        # Otherwise Blender drops the timer silently.
        session.fail(f"{type(error).__name__}: {error}")
        wait = RETRY_DELAY
    _redraw()
    return wait


def _end(problem: str) -> None:
    global _current, _last, _last_target
    ending, _current = _current, None
    if ending:
        _last, _last_target = Shown(problem=problem), ending.where
        ending.stop()
        _redraw()


def _redraw() -> None:
    """Redraws the panel if what it shows has changed."""
    global _drawn
    now = shown()
    if now == _drawn:
        return
    _drawn = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PROPERTIES"):
                for region in area.regions:
                    # Not the viewport itself: drawing it may take long.
                    if region.type == "UI" or area.type == "PROPERTIES":
                        region.tag_redraw()


@persistent
def _before_load(*_: object) -> None:
    global _remembered, _file
    _remembered = remember()
    _file = bpy.data.filepath
    if _current:
        _current.release()


@persistent
def _after_load(*_: object) -> None:
    restore(_remembered)
    # The user started this file's stream, not the next file's. Reverting reopens the same file, so it goes on.
    if bpy.data.filepath != _file or not _file:
        stop(FILE_CLOSED)


@persistent
def _before_save(*_: object) -> None:
    if _current:
        _current.restore()


def _handlers() -> tuple[tuple[list, object], ...]:
    handlers = bpy.app.handlers
    return ((handlers.load_pre, _before_load), (handlers.load_post, _after_load), (handlers.save_pre, _before_save))


def attach() -> None:
    """Registers the handlers for loading, saving and quitting."""
    for hooks, own in _handlers():
        hooks.append(own)
    atexit.register(stop)


def detach() -> None:
    """Ends the stream, and removes the handlers."""
    stop()
    atexit.unregister(stop)
    for hooks, own in _handlers():
        if own in hooks:
            hooks.remove(own)
