# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's side of `npm run bench:ingest`: hands over frames in one of three ways, and says when each was complete.

    blender -b --factory-startup -P ingest_blender.py -- MODE WIDTHxHEIGHT FRAMES FOLDER SERVER

MODE: `file` (the loop's folder), `jpeg` (the same JPEG, pushed) or `raw` (pixels drawn off screen, pushed).
A line of JSON for each frame: `complete`, the time in ms at which its pixels were complete, and `cpu`, the ms of
processor time that this process took from then until the frame was handed over.
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

REST = 0.05


def main() -> None:
    """Runs one mode at one size."""
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
    hand_over = {"file": file_mode, "jpeg": jpeg_mode, "raw": raw_mode}[mode](scene, Path(folder), server, (width, height))
    for _ in range(int(frames)):
        scene.objects["Cube"].rotation_euler.z += 0.05
        complete, cpu = hand_over()
        print("bench " + json.dumps({"complete": complete * 1000, "cpu": cpu * 1000}), flush=True)
        time.sleep(REST)


def rendered():
    """Renders, and writes nothing yet: Blender calls its own handlers only when the file is written."""
    bpy.ops.render.render()
    return time.time(), time.process_time()


def file_mode(_scene, folder, _server, _size):
    """The original loop: one JPEG file and its flags."""
    written = Flag(folder / "img_written.txt")

    def hand_over():
        written.set(False)
        complete, cpu = rendered()
        bpy.data.images["Render Result"].save_render(str(folder / "img.jpg"))
        written.set(True)
        return complete, time.process_time() - cpu

    return hand_over


def pushing(server):
    """A publisher, and a function that pushes a frame and waits until its bytes are with the kernel."""
    publisher = Publisher(parse_address(server), "main")
    publisher.start()

    def push(frame):
        sent = threading.Event()
        release = frame.done
        frame = SimpleNamespace(headers=frame.headers, data=frame.data, release=lambda: (release and release(), sent.set()))
        publisher.send(frame)
        sent.wait()

    return push


def jpeg_mode(_scene, _folder, server, _size):
    """The same JPEG, by way of a file in memory, pushed."""
    push = pushing(server)
    path = Path("/dev/shm/rendercast-bench.jpg")

    def hand_over():
        complete, cpu = rendered()
        bpy.data.images["Render Result"].save_render(str(path))
        push(image_frame(path.read_bytes(), captured=complete))
        return complete, time.process_time() - cpu

    return hand_over


def raw_mode(scene, _folder, server, size):
    """Pixels drawn off screen, pushed as they are."""
    push = pushing(server)
    surface = OffScreenRenderer(scene, SimpleNamespace(width=size[0], height=size[1], antialiasing="auto"))

    def hand_over():
        frame = surface.draw(None)
        complete, cpu = time.time(), time.process_time()
        push(frame)
        return complete, time.process_time() - cpu

    return hand_over


main()
