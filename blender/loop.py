# SPDX-License-Identifier: GPL-3.0-or-later
"""A render loop: renders a scene repeatedly to one image file, which rendercast shows live.

    blender -b [scene.blend] -P loop.py -- --folder DIR

README.md beside this file describes the files in the folder; `-- --help` lists the options.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))

import demo_scene
import headless
from command_line import ScriptError
from loop_core import Flag, Options, Pace, Report, make_folder, motion, parse_options, say

REPORT_INTERVAL = 5
INTERRUPTED = 130
"""Exit code after a second signal: 128 + SIGINT, as shells use it."""


def main() -> int:
    """Runs until all frames are rendered or a signal comes. Returns the exit code."""
    options = parse_options(sys.argv)
    try:
        headless.check_opened()
        scene = bpy.context.scene
        own = demo_scene.is_factory_scene(scene)
        if own:
            demo_scene.dress(scene)
        set_up(scene, options)
        run(scene, options, options.turn or ("active" if own else "none"))
    except ScriptError as error:
        say(str(error), error=True)
        return 1
    return 0


def set_up(scene: bpy.types.Scene, options: Options) -> None:
    """Sets the scene up to render a JPEG with these options. Raises ScriptError."""
    headless.check_camera(scene)
    scene.render.engine = headless.engine_id(scene, options.engine)
    scene.display.render_aa = options.antialiasing
    scene.render.resolution_x = options.width
    scene.render.resolution_y = options.height
    scene.render.resolution_percentage = 100
    scene.render.filepath = str(options.folder.resolve() / options.picture)
    # Otherwise Blender may add an extension.
    scene.render.use_file_extension = False
    scene.render.use_multiview = False
    # Blender writes these into each file, and strangers may watch.
    scene.render.use_stamp_filename = False
    scene.render.use_stamp_hostname = False
    image = scene.render.image_settings
    # From Blender 5.0 on, a scene set up for video does not offer JPEG.
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format = "JPEG"
    image.color_mode = "RGB"
    image.quality = 90


def run(scene: bpy.types.Scene, options: Options, turned: str) -> None:
    """Renders frame after frame, and sets the flag files around each. Raises ScriptError."""
    thing = headless.turned_object(scene, turned)
    turn = headless.rotation(thing, options.fps)
    played = played_frames(scene, options)
    stopped = headless.stop_on_signals()
    make_folder(options.folder)
    running = Flag(options.folder / options.running)
    written = Flag(options.folder / options.written)
    size = f"{options.width}x{options.height}"
    moves = motion(played, scene.frame_current, thing and thing.name)
    say(f"rendering to {scene.render.filepath} with {options.engine} at {size}, {moves}; Ctrl+C ends it")
    running.set(True)
    exit_on_signals(running)
    try:
        pace = Pace(options.fps, time.perf_counter, time.sleep)
        report = Report(REPORT_INTERVAL, time.perf_counter)
        while not stopped() and (options.frames == 0 or report.total < options.frames):
            pace.wait(stopped)
            if played:
                scene.frame_set(played[report.total % len(played)])
            turn(report.total)
            started = time.perf_counter()
            written.set(False)
            headless.render(scene)
            written.set(True)
            if line := report.frame(time.perf_counter() - started):
                say(line)
    finally:
        running.set(False)
    say(f"ended; frames rendered: {report.total}")


def played_frames(scene: bpy.types.Scene, options: Options) -> range | None:
    """Returns the timeline's frames, or None if nothing plays."""
    frames = headless.timeline(scene)
    return frames if options.animate == "loop" and len(frames) > 1 else None


def exit_on_signals(running: Flag) -> None:
    """Announces the end on the first signal, and ends Blender at once on the second."""

    def on_signal(count: int) -> None:
        # To standard error: standard output is discarded while Blender renders.
        if count == 1:
            say("ending after this frame; press Ctrl+C again to end at once", error=True)
            return
        try:
            running.set(False)
        finally:
            os._exit(INTERRUPTED)

    headless.on_each_signal(on_signal)


if __name__ == "__main__":
    sys.exit(main())
