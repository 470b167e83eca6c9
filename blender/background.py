# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws a scene in Blender's background mode and sends the frames to a rendercast server.

    blender -b [scene.blend] -P background.py -- --server http://127.0.0.1:8080

`-- --help` lists the options; README.md beside this file says more.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType

import bpy

HERE = str(Path(__file__).resolve().parent)
sys.path.insert(0, HERE)

# An installed add-on may have another version; scripts must publish through this one.
_others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "rendercast"}

import demo_scene
import headless
from background_core import Animation, Options, parse_options, say
from command_line import ScriptError
from rendercast.capture import CaptureError
from rendercast.control import ControlReader
from rendercast.pacing import Meter, Ticks, ViewerPause
from rendercast.publisher import Publisher, Status
from rendercast.status import StatusReader
from rendercast.telemetry import telemetry
from renderers import FileRenderer, OffScreenRenderer, fastest_renderer

REPORT_INTERVAL = 30
FIRST_REPORT_AFTER = 5
POLL_INTERVAL = 0.02
"""Seconds between checks while nothing is drawn."""
STOP_TIMEOUT = 0.4
"""Seconds for the current frame to complete after a signal. The server kills Blender after one second."""


def main() -> int:
    """Runs until all frames are sent or a signal comes. Returns the exit code."""
    options = parse_options(sys.argv)
    try:
        headless.check_opened()
        run_own_scripts()
        scene, turn = make_scene(options)
        set_up(scene, options)
        run(scene, options, turn)
    except (ScriptError, CaptureError) as error:
        say(str(error), error=True)
        return 1
    return 0


def run_own_scripts() -> None:
    """Opens the file again if its scripts import `rendercast`, which was missing when Blender opened it first."""
    needing = [text.name for text in bpy.data.texts if text.use_module and "rendercast" in text.as_string()]
    if not needing:
        return
    if bpy.app.autoexec_fail:
        name = needing[0]
        raise ScriptError(
            f"Blender may not run the script {name} of this file; "
            "if you trust it, start Blender with -y, or rendercast with --trust-scripts."
        )
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)


def make_scene(options: Options) -> tuple[bpy.types.Scene, str]:
    """Returns the scene to show, and the value of --turn for it."""
    turn = "none"
    if options.script:
        run_script(options.script)
    elif demo_scene.is_factory_scene(bpy.context.scene):
        demo_scene.dress(bpy.context.scene)
        turn = "active"
    return bpy.context.scene, options.turn or turn


def run_script(path: Path) -> None:
    """Runs a user's script as Blender's -P does. Raises ScriptError."""
    module = ModuleType("__main__")
    module.__file__ = str(path.resolve())
    # Its handlers need its names after it returns.
    sys.modules["rendercast_script"] = module
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except Exception as error:
        traceback.print_exc()
        lines = [own.lineno for own in traceback.extract_tb(error.__traceback__) if own.filename == str(path)]
        where = f", line {lines[-1]}" if lines else ""
        why = " ".join(str(error).split()) or type(error).__name__
        raise ScriptError(f"the script {path}{where} failed: {why}") from error


def set_up(scene: bpy.types.Scene, options: Options) -> None:
    """Applies the options to the scene. Raises ScriptError."""
    if options.camera:
        camera = scene.objects.get(options.camera)
        if not camera or camera.type != "CAMERA":
            raise ScriptError(f"the scene {scene.name} has no camera {options.camera}; give --camera the name of one.")
        scene.camera = camera
    headless.check_camera(scene)
    if options.engine != "scene":
        scene.render.engine = headless.engine_id(scene, options.engine)
    scene.render.resolution_x = options.width
    scene.render.resolution_y = options.height
    scene.render.resolution_percentage = 100
    scene.render.use_multiview = False


def run(scene: bpy.types.Scene, options: Options, turned: str) -> None:
    """Draws and sends frames. Raises ScriptError and CaptureError."""
    turn = headless.rotation(headless.turned_object(scene, turned), options.fps)
    animation = animation_of(scene, options)
    stopped = headless.stop_on_signals()
    parent = os.getppid()
    publisher = Publisher(options.server, options.stream, options.token, takeover=options.takeover)
    reader = StatusReader(options.server, options.stream, options.token)
    finished = threading.Event()
    source = fastest_renderer(scene, options)
    exit_soon_on_signals(publisher, source, finished)
    say(f"drawing {scene.name} with {options.engine} {source.name}, {options.width}x{options.height}")
    control = ControlReader(options.server, options.stream, options.token)
    publisher.start()
    reader.start()
    if options.control != "off":
        if source.can_turn:
            control.start()
        else:
            say("viewers cannot turn the view: this way of drawing uses the scene's camera", error=True)
    try:
        log = ChangeLog(options)
        meter = Meter(REPORT_INTERVAL, time.perf_counter, first=FIRST_REPORT_AFTER)
        ticks = Ticks(options.fps, time.perf_counter)
        pause = ViewerPause(options.always or options.animate == "once", time.monotonic)
        drawn = 0
        while not stopped() and not (options.frames and drawn >= options.frames):
            if options.with_parent and os.getppid() != parent:
                break
            status = publisher.status
            log.status(status)
            connected = status.state == "live"
            paused = pause.paused(reader.viewers, status.connections)
            if connected:
                # Only if connected: before that, the viewers may be those of another publisher.
                log.paused(paused)
                log.control(control.refusal)
            if not connected or paused:
                ticks.pause()
                meter.restart()
                time.sleep(POLL_INTERVAL)
                continue
            ticks.resume()
            if (left := ticks.due_in()) > 0:
                time.sleep(min(left, POLL_INTERVAL))
                continue
            started = time.perf_counter()
            tick = ticks.take()
            if animation:
                moment = animation.at(tick)
                if moment is None:
                    break
                scene.frame_set(moment.frame, subframe=moment.subframe)
            turn(tick)
            bpy.context.view_layer.update()
            publisher.send(source.draw(telemetry.take(), control.pose))
            pause.shown(status.connections)
            drawn += 1
            meter.frame(time.perf_counter() - started)
            if figures := meter.read():
                log.figures(figures.fps, figures.milliseconds, publisher.status)
            # Gives the publisher's thread the GIL, which drawing the next frame holds.
            time.sleep(0.001)
    finally:
        finished.set()
        publisher.stop()
        reader.stop()
        control.stop()
        source.close()
    # A refusal may have come after the last check.
    log.status(publisher.status)
    if drawn and not publisher.status.sent and not stopped():
        raise ScriptError(f"{drawn} frames were drawn, but none could be sent; check the server.")
    say(f"ended; frames sent: {publisher.status.sent}")


def animation_of(scene: bpy.types.Scene, options: Options) -> Animation | None:
    """Returns the scene's animation, or None if --animate is off."""
    if options.animate == "off":
        return None
    frames = headless.timeline(scene)
    return Animation(options.animate, frames[0], frames[-1], scene.render.fps / scene.render.fps_base, options.fps)


class ChangeLog:
    """Logs each change of state once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._said = ""
        self._paused = False
        self._refusal = ""

    def status(self, status: Status) -> None:
        """Logs the connection's state. Raises ScriptError if the server finally refused."""
        if status.state == "refused":
            raise ScriptError(status.problem)
        state = status.problem or status.state
        if state == self._said:
            return
        self._said = state
        if status.problem:
            say(f"{status.problem.rstrip('.')}.", error=True)
        elif status.state == "live":
            say(f"publishing {self._options.stream} to {self._options.server.url}")

    def paused(self, paused: bool) -> None:
        """Logs whether drawing pauses."""
        if paused != self._paused:
            say("paused: no viewers" if paused else "drawing again")
        self._paused = paused

    def control(self, refusal: str) -> None:
        """Logs why viewers cannot turn the view."""
        if refusal and refusal != self._refusal:
            say(f"viewers cannot turn the view: {refusal}", error=True)
        self._refusal = refusal

    def figures(self, fps: float, milliseconds: float, status: Status) -> None:
        """Logs the measured rates."""
        say(f"{status.sent} frames sent, {fps:.1f} fps, {milliseconds:.0f} ms per frame, {status.dropped} dropped")


def exit_soon_on_signals(
    publisher: Publisher, source: OffScreenRenderer | FileRenderer, finished: threading.Event
) -> None:
    """Makes a signal end Blender within about a second, even while it renders a frame for minutes."""

    def on_signal(_count: int) -> None:
        if finished.wait(STOP_TIMEOUT):
            return
        publisher.stop(STOP_TIMEOUT)
        if isinstance(source, FileRenderer):
            source.close()
        say(f"ended; frames sent: {publisher.status.sent}")
        os._exit(0)

    headless.on_each_signal(on_signal)


if __name__ == "__main__":
    sys.exit(main())
