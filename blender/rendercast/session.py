# SPDX-License-Identifier: GPL-3.0-or-later
"""The running stream: a timer that draws frame after frame, between which Blender's interface has its time.

The session and Blender's timer and file handlers stand in one file: they share the one current stream.
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
from .pacing import Figures, Meter, Rest, Share, Ticks
from .properties import Target, remember, restore, settings, target
from .publisher import Publisher
from .status import StatusReader
from .telemetry import pick, telemetry

NAP = 0.05
"""Seconds between two looks at whether there is something to do."""
TRY_AGAIN_AFTER = 0.5
"""Seconds after a frame that could not be drawn."""
STOP_WITHIN = 0.4
"""Seconds for the last frame and the end to be sent; cutting it short takes half a second more."""
JOBS = ("RENDER", "OBJECT_BAKE")
"""Blender's jobs that draw on the same graphics card from another thread."""
ANOTHER_FILE = "The stream ended with its file; Start shows this one."


class SessionError(Exception):
    """Why no stream can start: a sentence for the user."""


class Shown(NamedTuple):
    """What the panel says of the stream."""

    running: bool = False
    state: str = ""
    """The publisher's, or while that is live `resting`, `rendering` or `blocked`: there is nothing to send."""
    problem: str = ""
    """A sentence, empty while all is well."""
    viewers: int | None = None
    figures: Figures | None = None


class Session:
    """One stream, from start to stop. It keeps nothing of Blender's data from frame to frame."""

    def __init__(self, where: Target) -> None:
        self.where = where
        self._publisher = Publisher(*where)
        self._reader = StatusReader(*where)
        self._surface = capture.OffScreen()
        self._wardrobe = capture.Wardrobe()
        self._ticks = Ticks(settings().fps, time.perf_counter)
        self._meter = Meter(1, time.perf_counter)
        self._share = Share(time.perf_counter)
        self._rest = Rest(False, time.monotonic)
        self._figures: Figures | None = None
        self._problem = ""
        """Why no picture can be drawn."""
        self._lacking = ""
        """What is wrong with the data that goes with the pictures."""
        self._resting = False
        self._rendering = False
        # What scripts published before nobody was to see.
        telemetry.take()

    def start(self) -> None:
        """Begins to connect."""
        self._publisher.start()
        self._reader.start()

    def stop(self) -> None:
        """Ends it, within a second."""
        self.put_back()
        self._publisher.stop(STOP_WITHIN)
        self._reader.stop(0.05)
        # Here, where Blender's graphics context is there, not when Python collects it.
        self._surface.free()

    def put_back(self) -> None:
        """Leaves Blender as it was, before a file is saved."""
        self._wardrobe.put_back()

    def let_go(self) -> None:
        """Forgets all of the file that is about to go: the surface holds on to what was drawn on it."""
        self._wardrobe.put_back()
        self._surface.free()

    @property
    def refused(self) -> str:
        """Why the server wants no more, if it does not."""
        status = self._publisher.status
        return status.problem if status.state == "refused" else ""

    @property
    def shown(self) -> Shown:
        """What the panel is to say."""
        status = self._publisher.status
        state, problem = status.state, status.problem
        if state == "live":
            if self._rendering:
                state = "rendering"
            elif self._resting:
                state = "resting"
            else:
                state, problem = ("blocked", self._problem) if self._problem else (state, problem or self._lacking)
        return Shown(True, state, problem, self._reader.viewers, self._figures)

    def step(self) -> float:
        """Draws and sends a frame if one is due; returns the seconds until the next step."""
        asked = settings()
        status = self._publisher.status
        viewers = self._reader.viewers if asked.rest else None
        self._resting = self._rest.resting(viewers, status.connections)
        self._rendering = any(bpy.app.is_job_running(job) for job in JOBS)
        if status.state != "live" or self._resting or self._rendering:
            self._ticks.pause()
            self._meter.restart()
            self._figures = None
            return NAP
        self._ticks.resume()
        self._ticks.set_fps(asked.fps)
        # Looked at here as well, because Blender counts the wait from when the step before began, not from its end.
        if (left := self._left()) > 0:
            return left
        self._share.begin()
        try:
            self._ticks.take()
            self._draw()
        finally:
            worked = self._share.end()
        self._rest.shown(status.connections)
        self._meter.frame(worked)
        self._figures = self._meter.read() or self._figures
        return self._left()

    def _left(self) -> float:
        """Seconds until the next frame is due, and the interface has had its time."""
        return max(self._ticks.due_in(), self._share.free_for())

    def fail(self, problem: str) -> None:
        """Notes why there is no frame."""
        self._problem = problem
        self._figures = None
        self._meter.restart()

    def _draw(self) -> None:
        asked = settings()
        size = (asked.width, asked.height)
        window = main_window()
        scene, layer = window.scene, window.view_layer
        place, eye = self._look(asked.source, scene, layer, size)
        picked = pick(asked.names, {"the scene": scene, "the active object": layer.objects.active})
        self._lacking = " ".join(filter(None, (telemetry.publish_each(picked.data), picked.missing)))
        self._publisher.send(self._surface.draw(scene, layer, place, eye, size, telemetry.take()))
        self._problem = ""

    def _look(
        self, source: str, scene: bpy.types.Scene, layer: bpy.types.ViewLayer, size: tuple[int, int]
    ) -> tuple[Place, Eye]:
        if source == "CAMERA":
            return self._wardrobe.lend(scene), capture.camera_eye(scene, layer, size)
        self._wardrobe.put_back()
        views = capture.places(window.screen for window in windows() if window.scene == scene)
        if not views:
            raise CaptureError("Blender shows no 3D viewport; open one, or choose the scene camera as the source.")
        place = max(views, key=lambda view: view[1])[0]
        return place, capture.viewport_eye(place, size)


def windows() -> list[bpy.types.Window]:
    """Blender's windows, the first being the main one."""
    return sorted(bpy.context.window_manager.windows, key=lambda window: window.parent is not None)


def main_window() -> bpy.types.Window:
    """The window whose scene is shown. Raises CaptureError."""
    found = windows()
    if not found:
        raise CaptureError("Blender has no window now.")
    return found[0]


_current: Session | None = None
_farewell = Shown()
"""What the panel says while no stream runs."""
_farewell_to: Target | None = None
"""Of which stream it speaks: what was wrong there says nothing of another."""
_told = Shown()
"""What the panel said last."""
_remembered: dict[str, object] = {}
_file = ""
"""The one that was open before Blender began to open another."""


def running() -> bool:
    """Whether a stream runs."""
    return _current is not None


def shown() -> Shown:
    """What the panel is to say."""
    if _current:
        return _current.shown
    try:
        return _farewell if _farewell.problem and target() == _farewell_to else Shown()
    except AddressError:
        return Shown()


def start() -> None:
    """Starts the stream. Raises AddressError and SessionError."""
    global _current
    if bpy.app.background:
        raise SessionError("Without its window Blender streams by background.py; its README says how.")
    where = target()
    if not where.server.loopback and not getattr(bpy.app, "online_access", True):
        raise SessionError("Blender is to stay offline; allow online access in its preferences, under System.")
    stop()
    _current = Session(where)
    _current.start()
    # Kept when a file is opened: the next step looks everything up afresh.
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
    if session.refused:
        # Not from within: a timer that unregisters itself upsets Blender.
        _end(session.refused)
        return None
    try:
        wait = session.step()
    except CaptureError as error:
        session.fail(str(error))
        wait = TRY_AGAIN_AFTER
    except Exception as error:
        # Blender would drop the timer without a word.
        session.fail(f"{type(error).__name__}: {error}")
        wait = TRY_AGAIN_AFTER
    _redraw()
    return wait


def _end(problem: str) -> None:
    global _current, _farewell, _farewell_to
    ending, _current = _current, None
    if ending:
        _farewell, _farewell_to = Shown(problem=problem), ending.where
        ending.stop()
        _redraw()


def _redraw() -> None:
    """Has Blender draw the panel again where it says something else now."""
    global _told
    now = shown()
    if now == _told:
        return
    _told = now
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "PROPERTIES"):
                for region in area.regions:
                    # Not the viewport itself, which may take long.
                    if region.type == "UI" or area.type == "PROPERTIES":
                        region.tag_redraw()


@persistent
def _before_load(*_: object) -> None:
    global _remembered, _file
    _remembered = remember()
    _file = bpy.data.filepath
    if _current:
        _current.let_go()


@persistent
def _after_load(*_: object) -> None:
    restore(_remembered)
    # Viewers were promised that file, not whatever is opened next; reverting to what was saved is the same file.
    if bpy.data.filepath != _file or not _file:
        stop(ANOTHER_FILE)


@persistent
def _before_save(*_: object) -> None:
    if _current:
        _current.put_back()


def _handlers() -> tuple[tuple[list, object], ...]:
    handlers = bpy.app.handlers
    return ((handlers.load_pre, _before_load), (handlers.load_post, _after_load), (handlers.save_pre, _before_save))


def attach() -> None:
    """Has Blender say when files come and go, and when it ends."""
    for hooks, own in _handlers():
        hooks.append(own)
    atexit.register(stop)


def detach() -> None:
    """Ends the stream, and takes all back."""
    stop()
    atexit.unregister(stop)
    for hooks, own in _handlers():
        if own in hooks:
            hooks.remove(own)
