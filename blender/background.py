# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws a scene without Blender's window and sends the frames to a rendercast server.

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

# An installed add-on may be of another version, and scripts are to publish to this one.
_others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "rendercast"}

import demo_scene
import headless
from background_core import Animation, Options, parse_options, say
from command_line import ScriptError
from rendercast.capture import CaptureError
from rendercast.pacing import Meter, Rest, Ticks
from rendercast.publisher import Publisher, Status
from rendercast.status import StatusReader
from rendercast.telemetry import telemetry
from renderers import FileRenderer, OffScreenRenderer, fastest_renderer

SECONDS_A_REPORT = 30
SECONDS_TO_FIRST_REPORT = 5
NAP = 0.02
"""Seconds between two looks at whether there is something to do."""
GRACE = 0.4
"""Seconds that a picture in work may take after a signal to end: the server waits one second for Blender's end."""


def main() -> int:
    """Runs until it has sent all its frames or is stopped. Returns the exit code."""
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
    """Runs the file's own scripts that need `rendercast` again: it was not there when Blender opened the file."""
    needing = [text.name for text in bpy.data.texts if text.use_module and "rendercast" in text.as_string()]
    if not needing:
        return
    if bpy.app.autoexec_fail:
        name = needing[0]
        raise ScriptError(f"Blender may not run this file's script {name}; start it with -y if you trust the file.")
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)


def make_scene(options: Options) -> tuple[bpy.types.Scene, str]:
    """Returns the scene to show and what is to turn in it."""
    turn = "none"
    if options.script:
        run_script(options.script)
    elif demo_scene.is_factory_scene(bpy.context.scene):
        demo_scene.dress(bpy.context.scene)
        turn = "active"
    return bpy.context.scene, options.turn or turn


def run_script(path: Path) -> None:
    """Runs a user's script as Blender's -P does."""
    module = ModuleType("__main__")
    module.__file__ = str(path.resolve())
    # Its handlers need its names as long as they live.
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
    """Sets the scene up as the options say."""
    if options.camera:
        camera = scene.objects.get(options.camera)
        if not camera or camera.type != "CAMERA":
            raise ScriptError(f"the scene {scene.name} has no camera {options.camera}; --camera takes the name of one.")
        scene.camera = camera
    headless.check_camera(scene)
    if options.engine != "scene":
        scene.render.engine = headless.engine_id(scene, options.engine)
    scene.render.resolution_x = options.width
    scene.render.resolution_y = options.height
    scene.render.resolution_percentage = 100
    scene.render.use_multiview = False


def run(scene: bpy.types.Scene, options: Options, turned: str) -> None:
    """Draws and sends frame after frame."""
    turn = headless.turning(headless.turned_object(scene, turned), options.fps)
    animation = animation_of(scene, options)
    stopped = headless.stop_on_signals()
    parent = os.getppid()
    publisher = Publisher(options.server, options.stream, options.token, takeover=options.takeover)
    reader = StatusReader(options.server, options.stream, options.token)
    finished = threading.Event()
    source = fastest_renderer(scene, options)
    end_in_time(publisher, source, finished)
    say(f"drawing {scene.name} with {options.engine} {source.name}, {options.width}x{options.height}")
    publisher.start()
    reader.start()
    try:
        news = News(options)
        meter = Meter(SECONDS_A_REPORT, time.perf_counter, first=SECONDS_TO_FIRST_REPORT)
        ticks = Ticks(options.fps, time.perf_counter)
        rest = Rest(options.always or options.animate == "once", time.monotonic)
        drawn = 0
        while not stopped() and not (options.frames and drawn >= options.frames):
            if options.with_parent and os.getppid() != parent:
                break
            status = publisher.status
            news.status(status)
            connected = status.state == "live"
            resting = rest.resting(reader.viewers, status.connections)
            if connected:
                # Others may be watched there while this one is not let in.
                news.resting(resting)
            if not connected or resting:
                ticks.pause()
                meter.restart()
                time.sleep(NAP)
                continue
            ticks.resume()
            if (left := ticks.due_in()) > 0:
                time.sleep(min(left, NAP))
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
            publisher.send(source.draw(telemetry.take()))
            rest.shown(status.connections)
            drawn += 1
            meter.frame(time.perf_counter() - started)
            if figures := meter.read():
                news.figures(figures.fps, figures.milliseconds, publisher.status)
            # The publisher's thread needs Python's lock for a moment, which the next frame would keep.
            time.sleep(0.001)
    finally:
        finished.set()
        publisher.stop()
        reader.stop()
        source.close()
    # Before these frames were all drawn, there may have been no time to hear it.
    news.status(publisher.status)
    if drawn and not publisher.status.sent and not stopped():
        raise ScriptError(f"of {drawn} frames drawn, none could be sent.")
    say(f"ended; frames sent: {publisher.status.sent}")


def animation_of(scene: bpy.types.Scene, options: Options) -> Animation | None:
    """The scene's animation, unless it is to stand still."""
    if options.animate == "off":
        return None
    frames = headless.timeline(scene)
    return Animation(options.animate, frames[0], frames[-1], scene.render.fps / scene.render.fps_base, options.fps)


class News:
    """Says what changes, once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._said = ""
        self._resting = False

    def status(self, status: Status) -> None:
        """Says how the connection does. Raises ScriptError if it has no future."""
        if status.state == "refused":
            raise ScriptError(status.problem)
        news = status.problem or status.state
        if news == self._said:
            return
        self._said = news
        if status.problem:
            say(f"{status.problem.rstrip('.')}.", error=True)
        elif status.state == "live":
            say(f"publishing {self._options.stream} to {self._options.server.url}")

    def resting(self, resting: bool) -> None:
        """Says whether it rests."""
        if resting != self._resting:
            say("resting until somebody watches" if resting else "drawing again")
        self._resting = resting

    def figures(self, fps: float, milliseconds: float, status: Status) -> None:
        """Says what is reached."""
        say(f"{status.sent} frames sent, {fps:.1f} a second, {milliseconds:.0f} ms each, {status.dropped} dropped")


def end_in_time(publisher: Publisher, source: OffScreenRenderer | FileRenderer, finished: threading.Event) -> None:
    """Sees to it that a signal ends Blender soon, even in a picture that takes minutes."""

    def heard(_count: int) -> None:
        if finished.wait(GRACE):
            return
        publisher.stop(GRACE)
        if isinstance(source, FileRenderer):
            source.close()
        say(f"ended; frames sent: {publisher.status.sent}")
        os._exit(0)

    headless.on_each_signal(heard)


if __name__ == "__main__":
    sys.exit(main())
