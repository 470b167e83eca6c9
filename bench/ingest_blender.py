# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side of `npm run bench:ingest`: delivers frames in one of three ways, and reports when each was complete.

    blender -b --factory-startup -P ingest_blender.py -- MODE WIDTHxHEIGHT FRAMES FOLDER SERVER

MODE: `file` (the loop's folder), `jpeg` (the same JPEG, pushed) or `raw` (pixels drawn off screen, pushed).
Prints a line of JSON per frame: `complete`, the time in ms at which its pixels were complete, and `cpu`, the CPU
time in ms that this process used from then until the frame was delivered.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import bpy

BLENDER = Path(__file__).resolve().parent.parent / "blender"
sys.path.insert(0, str(BLENDER))

import demo_scene
from loop_core import Flag
from rendercast.address import parse_address
from rendercast.frames import image_frame
from rendercast.publisher import Publisher
from renderers import OffScreenRenderer

PAUSE = 0.05
"""Seconds between frames."""


def main() -> None:
    """Measures one mode at one size."""
    mode, size, frames, folder, server = sys.argv[sys.argv.index("--") + 1 :]
    width, height = (int(side) for side in size.split("x"))
    scene = bpy.context.scene
    demo_scene.dress(scene)
    render = scene.render
    render.engine = "BLENDER_WORKBENCH"
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.image_settings.file_format = "JPEG"
    render.image_settings.quality = 90
    scene.display.render_aa = "OFF"
    scene.view_settings.view_transform = "Standard"
    start = {"file": file_mode, "jpeg": jpeg_mode, "raw": raw_mode}[mode]
    deliver = start(scene, Path(folder), server, (width, height))
    for _ in range(int(frames)):
        scene.objects["Cube"].rotation_euler.z += 0.05
        complete, cpu = deliver()
        print("bench " + json.dumps({"complete": complete * 1000, "cpu": cpu * 1000}), flush=True)
        time.sleep(PAUSE)


def rendered():
    """Renders without writing a file, and returns the wall time and CPU time at which the pixels were complete."""
    bpy.ops.render.render()
    return time.time(), time.process_time()


def file_mode(_scene, folder, _server, _size):
    """Returns a function that renders one frame to a JPEG file with flag files."""
    written = Flag(folder / "img_written.txt")

    def deliver():
        written.set(False)
        complete, cpu = rendered()
        bpy.data.images["Render Result"].save_render(str(folder / "img.jpg"))
        written.set(True)
        return complete, time.process_time() - cpu

    return deliver


def pushing(server):
    """Starts a publisher. Returns a function that pushes a frame and waits until the kernel has its bytes."""
    publisher = Publisher(parse_address(server), "main")
    publisher.start()

    def push(frame):
        sent = threading.Event()
        release = frame.done
        done = lambda: (release and release(), sent.set())
        frame = SimpleNamespace(headers=frame.headers, data=frame.data, release=done)
        publisher.send(frame)
        sent.wait()

    return push


def jpeg_mode(_scene, _folder, server, _size):
    """Returns a function that renders to a JPEG file in memory and pushes it."""
    push = pushing(server)
    path = Path("/dev/shm/rendercast-bench.jpg")

    def deliver():
        complete, cpu = rendered()
        bpy.data.images["Render Result"].save_render(str(path))
        push(image_frame(path.read_bytes(), captured=complete))
        return complete, time.process_time() - cpu

    return deliver


def raw_mode(scene, _folder, server, size):
    """Returns a function that draws off screen and pushes the raw pixels."""
    push = pushing(server)
    surface = OffScreenRenderer(scene, SimpleNamespace(width=size[0], height=size[1], antialiasing="auto"))

    def deliver():
        frame = surface.draw(None)
        complete, cpu = time.time(), time.process_time()
        push(frame)
        return complete, time.process_time() - cpu

    return deliver


main()
